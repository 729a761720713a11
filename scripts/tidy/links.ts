/** Every relative link of the documentation leads to a file of the repository. */
import { posix } from "node:path";
import { type Finding, lineAt, type ReadText } from "./files.ts";

const LINK =
  /!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^[ \t]*\[[^\]]+\]:[ \t]*(\S+)|(?:href|src)="([^"]+)"/gm;

export function checkLinks(path: string, files: readonly string[], readText: ReadText): Finding[] {
  if (!path.endsWith(".md")) return [];
  const text = withoutCode(readText(path));
  const findings: Finding[] = [];
  for (const match of text.matchAll(LINK)) {
    const target = match[1] ?? match[2] ?? match[3] ?? "";
    if (leadsNowhere(path, target, files)) {
      findings.push({ path, line: lineAt(text, match.index), rule: "links", text: `no such file: ${target}` });
    }
  }
  return findings;
}

function leadsNowhere(from: string, target: string, files: readonly string[]): boolean {
  if (/^([a-z][a-z0-9+.-]*:|#|\/\/)/i.test(target)) return false;
  const [file = ""] = target.split(/[#?]/);
  const wanted = posix.normalize(posix.join(file.startsWith("/") ? "." : posix.dirname(from), decodeURI(file)));
  const folder = wanted.endsWith("/") ? wanted : `${wanted}/`;
  return wanted !== "." && wanted !== "./" && !files.some((path) => path === wanted || path.startsWith(folder));
}

/** Blanks fenced blocks and code spans, keeping the line numbers. */
function withoutCode(text: string): string {
  const blank = (code: string): string => code.replaceAll(/[^\n]/g, " ");
  return text.replaceAll(/^ *(```+|~~~+)[^\n]*\n[\s\S]*?^ *\1[^\n]*$/gm, blank).replaceAll(/`[^`\n]+`/g, blank);
}
