/**
 * What a text became, word by word, for eyes: words are kept whole, blanks between two changes are part of the change, and
 * texts that have little in common are not compared at all, because nobody can read the result.
 */
import { diffSequences } from "./sequence-diff.ts";

export interface TextRun {
  readonly kind: "same" | "removed" | "added";
  readonly text: string;
}

/** Longer texts are not compared: nobody would wait, and nobody would read it. */
export const MAX_COMPARED_LENGTH = 20_000;
/** The part of the shorter text, blanks aside, that must have stayed for a comparison to say something. */
const MIN_KEPT = 0.25;

/** `null` when the texts are the same, too long, or too different to be compared. */
export function diffText(before: string, after: string): readonly TextRun[] | null {
  if (before === after || before.length > MAX_COMPARED_LENGTH || after.length > MAX_COMPARED_LENGTH) return null;
  const runs = withBlanks(
    diffSequences(wordsOf(before), wordsOf(after)).map(({ kind, items }): TextRun => ({ kind, text: items.join("") })),
  );
  const kept = runs.reduce((sum, { kind, text }) => (kind === "same" ? sum + lengthOf(text) : sum), 0);
  const shorter = Math.min(lengthOf(before), lengthOf(after));
  return shorter > 0 && kept / shorter >= MIN_KEPT ? runs : null;
}

/** Lines instead of words: for JSON, which has its own. */
export function diffLines(before: string, after: string): readonly TextRun[] {
  const lines = (text: string): string[] => text.split("\n").map((line) => `${line}\n`);
  return diffSequences(lines(before), lines(after)).map(({ kind, items }) => ({ kind, text: items.join("") }));
}

const SEGMENTS = new Intl.Segmenter(undefined, { granularity: "word" });

/** Words, blanks and signs; `13:10`, `3.5` and `e-mail` are one word each. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  let mayJoin = false;
  for (const { segment } of SEGMENTS.segment(text)) {
    const isWord = PLAIN_WORD.test(segment);
    const last = words.length - 1;
    if (isWord && mayJoin) words[last - 1] = `${words[last - 1]}${words.pop()}${segment}`;
    else words.push(segment);
    mayJoin = !isWord && JOINERS.has(segment) && last >= 0 && PLAIN_WORD.test(words[words.length - 2] ?? "");
  }
  return words;
}

const PLAIN_WORD = /[\p{Script=Latin}\d]$/u;
const JOINERS = new Set([":", ".", ",", "'", "’", "-", "/", "_", "@"]);

function lengthOf(text: string): number {
  return text.replaceAll(/\s/g, "").length;
}

/** A blank that stayed between two changes is read as part of them. */
function withBlanks(runs: readonly TextRun[]): readonly TextRun[] {
  const result: Array<{ kind: TextRun["kind"]; text: string }> = [];
  const add = (kind: TextRun["kind"], text: string): void => {
    const last = result.findLast((run) => run.kind === kind);
    const isOpen = last !== undefined && !result.slice(result.indexOf(last)).some((run) => run.kind === "same");
    if (kind !== "same" && isOpen) last.text += text;
    else result.push({ kind, text });
  };
  for (const [index, { kind, text }] of runs.entries()) {
    const isBetween = index > 0 && index < runs.length - 1;
    if (kind === "same" && isBetween && text.trim() === "" && !text.includes("\n")) {
      add("removed", text);
      add("added", text);
    } else add(kind, text);
  }
  return inOrder(result);
}

/** Of each change, what was removed comes first. */
function inOrder(runs: readonly TextRun[]): readonly TextRun[] {
  const rank = (run: TextRun | undefined): number => (run?.kind === "removed" ? 0 : 1);
  const result = [...runs];
  for (let index = 1; index < result.length; index += 1) {
    const [left, right] = [result[index - 1], result[index]];
    if (left?.kind === "same" || right?.kind === "same" || left === undefined || right === undefined) continue;
    if (rank(left) > rank(right)) [result[index - 1], result[index]] = [right, left];
  }
  return result;
}
