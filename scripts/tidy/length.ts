/** A file that needs scrolling for minutes, or a function that does not fit a screen, holds two concerns. */
import ts from "typescript";
import { type Finding, isTestFile, type ReadText } from "./files.ts";

const MAX_FILE_LINES = 600;
const MAX_FUNCTION_LINES = 100;

export function checkLength(path: string, readText: ReadText): Finding[] {
  if (!/\.(tsx?|mjs|css)$/.test(path)) return [];
  const text = readText(path);
  const lines = text.trimEnd().split("\n").length;
  const findings: Finding[] = [];
  if (lines > MAX_FILE_LINES) {
    const advice = `${lines} lines, more than ${MAX_FILE_LINES}: split it by concern`;
    findings.push({ path, line: 1, rule: "length", text: advice, hint: isTestFile(path) });
  }
  if (/\.tsx?$/.test(path) && !isTestFile(path)) findings.push(...checkFunctions(path, text));
  return findings;
}

function checkFunctions(path: string, text: string): Finding[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const findings: Finding[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line;
      const lines = source.getLineAndCharacterOfPosition(node.end).line - first + 1;
      if (lines > MAX_FUNCTION_LINES) {
        findings.push({ path, line: first + 1, rule: "length", text: `function of ${lines} lines`, hint: true });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return findings;
}
