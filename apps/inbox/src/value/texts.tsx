/** Texts and JSON, with what was added and removed, cut where they are too long to be read at once. */
import type { JsonValue } from "@tidelock/core";
import { type ReactNode, useMemo, useState } from "react";
import { prettyJson } from "./pretty-json.ts";
import { diffLines, diffText, type TextRun } from "./text-diff.ts";

/** What is shown before somebody asks for more. */
const FIRST_LENGTH = 900;

interface ProseProps {
  readonly text: string;
  readonly before: string | undefined;
}

export function Prose({ text, before }: ProseProps): ReactNode {
  const runs = useMemo(() => (before === undefined ? null : diffText(before, text)), [before, text]);
  if (text === "" && runs === null) return <span className="value-nothing">empty text</span>;
  return <Long className="value-prose" runs={runs ?? [{ kind: "same", text }]} />;
}

interface JsonTextProps {
  readonly value: JsonValue;
  readonly before: JsonValue | undefined;
}

export function JsonText({ value, before }: JsonTextProps): ReactNode {
  const text = prettyJson(value);
  const old = before === undefined ? undefined : prettyJson(before);
  const runs = useMemo(
    () => (old === undefined || old === text ? [{ kind: "same" as const, text }] : diffLines(old, text)),
    [old, text],
  );
  return <Long className="value-json" runs={runs} />;
}

function Long({ className, runs }: { readonly className: string; readonly runs: readonly TextRun[] }): ReactNode {
  const [isWhole, setWhole] = useState(false);
  const length = runs.reduce((sum, { text }) => sum + text.length, 0);
  const isLong = length > FIRST_LENGTH * 1.25;
  const shown = isLong && !isWhole ? firstOf(runs, FIRST_LENGTH) : runs;
  return (
    <div className={className} dir="auto" data-cut={isLong && !isWhole}>
      {shown.map((run, index) => (
        // Runs have no identity: the list is as it is until the value changes.
        // oxlint-disable-next-line react/no-array-index-key
        <Part key={index} run={run} />
      ))}
      {isLong ? (
        <button
          type="button"
          className="link-button value-more"
          onClick={(event) => {
            event.stopPropagation();
            setWhole(!isWhole);
          }}
        >
          {isWhole ? "Show less" : `Show all ${length.toLocaleString("en")} characters`}
        </button>
      ) : null}
    </div>
  );
}

function Part({ run: { kind, text } }: { readonly run: TextRun }): ReactNode {
  if (kind === "added") return <ins>{text}</ins>;
  return kind === "removed" ? <del>{text}</del> : text;
}

function firstOf(runs: readonly TextRun[], length: number): readonly TextRun[] {
  const shown: TextRun[] = [];
  let left = length;
  for (const run of runs) {
    if (left <= 0) break;
    // Never half a character.
    const text = run.text.length <= left ? run.text : [...run.text.slice(0, left + 1)].slice(0, -1).join("");
    shown.push({ kind: run.kind, text });
    left -= run.text.length;
  }
  return shown;
}
