/**
 * The error catalogue in code (`ERRORS` in core/errors.ts) and in the documentation (docs/ERRORS.md) name the same codes.
 *
 * A code is documented where it is the first thing of a heading or of a table row: `### \`code\`` or `| \`code\` | …`.
 */
import ts from "typescript";
import { type Finding, lineAt, type ReadText } from "./files.ts";

const CATALOGUE = "packages/core/src/errors.ts";
const PAGE = "docs/ERRORS.md";
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const DOCUMENTED = /^(?:#{1,6}\s+|\|\s*)(?:<a [^>]*><\/a>\s*)?`([^`]+)`/gm;

export function checkErrorCodes(files: readonly string[], readText: ReadText): Finding[] {
  // Either half alone is a project at its very start.
  if (!files.includes(CATALOGUE) || !files.includes(PAGE)) return [];
  const coded = codesInCatalogue(readText(CATALOGUE));
  const documented = codesOnPage(readText(PAGE));
  const findings: Finding[] = [];
  const report = (path: string, line: number, text: string): void => {
    findings.push({ path, line, rule: "error-codes", text });
  };
  if (coded.size === 0) report(CATALOGUE, 1, "no exported object ERRORS with codes as keys");
  for (const [code, line] of coded) {
    if (!KEBAB.test(code)) report(CATALOGUE, line, `code "${code}" is not in kebab-case`);
    if (!documented.has(code)) report(CATALOGUE, line, `code "${code}" is not in ${PAGE}`);
  }
  for (const [code, line] of documented) {
    if (!coded.has(code)) report(PAGE, line, `code "${code}" is not in ${CATALOGUE}`);
  }
  return findings;
}

function codesOnPage(text: string): Map<string, number> {
  return new Map([...text.matchAll(DOCUMENTED)].map((match) => [match[1] ?? "", lineAt(text, match.index)]));
}

function codesInCatalogue(text: string): Map<string, number> {
  const source = ts.createSourceFile(CATALOGUE, text, ts.ScriptTarget.Latest);
  const codes = new Map<string, number>();
  for (const statement of source.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      if (!ts.isIdentifier(name) || name.text !== "ERRORS" || initializer === undefined) continue;
      for (const [key, position] of keysOf(unwrap(initializer))) codes.set(key, lineAt(text, position));
    }
  }
  return codes;
}

/** The object under `as const`, `satisfies`, parentheses and a call such as `Object.freeze`. */
function unwrap(expression: ts.Expression): ts.Expression {
  if (
    ts.isAsExpression(expression) ||
    ts.isSatisfiesExpression(expression) ||
    ts.isParenthesizedExpression(expression)
  ) {
    return unwrap(expression.expression);
  }
  const argument = ts.isCallExpression(expression) ? expression.arguments[0] : undefined;
  return argument === undefined ? expression : unwrap(argument);
}

function keysOf(expression: ts.Expression): [key: string, position: number][] {
  if (!ts.isObjectLiteralExpression(expression)) return [];
  return expression.properties.flatMap(({ name, end }) =>
    name !== undefined && (ts.isIdentifier(name) || ts.isStringLiteral(name)) ? [[name.text, name.end ?? end]] : [],
  );
}
