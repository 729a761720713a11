/**
 * The pure zones are told the time and the randomness; they never ask. The compiler keeps out what has no type there
 * (`tsconfig.pure.json`); this rule keeps out what the language itself offers: the clock, Math.random, the locale, and in
 * the engines every kind of waiting.
 */
import ts from "typescript";
import { type Finding, isTestFile, type ReadText } from "./files.ts";

/** Read no clock, draw no randomness, know no machine. */
const PURE = /^packages\/(core\/src|client\/src\/engine|server\/src\/engine|testkit\/src\/sim)\//;
/** Answer at once: no await, no promise. */
const SYNCHRONOUS = /^packages\/(client|server)\/src\/engine\//;

/** Names of the language and, for the zones that are compiled with Node's types, of the machine. */
const AMBIENT = new Set(
  [
    ["globalThis", "Intl", "Temporal", "WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "Atomics"],
    ["performance", "crypto", "process", "fetch", "WebSocket", "EventSource", "queueMicrotask"],
    ["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "clearImmediate"],
  ].flat(),
);
const AMBIENT_MEMBERS = new Set(["Date.now", "Math.random"]);
const LOCALE = /^(localeCompare|toLocale[A-Z]\w*)$/;
const PROMISES = new Set(["Promise", "AsyncGenerator", "PromiseLike"]);

export function checkPurity(path: string, readText: ReadText): Finding[] {
  if (!PURE.test(path) || !/\.tsx?$/.test(path) || isTestFile(path)) return [];
  const source = ts.createSourceFile(path, readText(path), ts.ScriptTarget.Latest, true);
  const findings: Finding[] = [];
  const visit = (node: ts.Node): void => {
    const impurity = impurityOf(node) ?? (SYNCHRONOUS.test(path) ? waitOf(node) : undefined);
    if (impurity !== undefined) {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
      findings.push({ path, line, rule: "purity", text: impurity });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return findings;
}

function impurityOf(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) {
    const member = `${node.expression.getText()}.${node.name.text}`;
    if (AMBIENT_MEMBERS.has(member)) return `${member} asks the machine: take it as a parameter`;
    if (LOCALE.test(node.name.text)) return `${node.name.text} depends on the locale: compare code units`;
  }
  if (ts.isNewExpression(node) && node.expression.getText() === "Date" && (node.arguments?.length ?? 0) === 0) {
    return "new Date() reads the clock: take the time as a parameter";
  }
  if (ts.isCallExpression(node) && node.expression.getText() === "Date") {
    return "Date() reads the clock: take the time as a parameter";
  }
  if (ts.isIdentifier(node) && AMBIENT.has(node.text) && isReference(node)) {
    return `${node.text} belongs to the machine: pure code is given what it needs`;
  }
  return undefined;
}

function waitOf(node: ts.Node): string | undefined {
  if (ts.isAwaitExpression(node)) return "await in an engine: make the wait a state and an effect";
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return "async in an engine: handle() answers at once";
  if (ts.isForOfStatement(node) && node.awaitModifier !== undefined) return "for await in an engine";
  if (ts.isIdentifier(node) && PROMISES.has(node.text) && (isReference(node) || ts.isTypeReferenceNode(node.parent))) {
    return `${node.text} in an engine: only the runtime waits`;
  }
  return undefined;
}

/** Whether an identifier reads a variable, rather than naming a property, a parameter or a declaration. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent) || ts.isTypeReferenceNode(parent)) return false;
  const isDeclared = "name" in parent && parent.name === node && !ts.isShorthandPropertyAssignment(parent);
  const isRenamed = "propertyName" in parent && parent.propertyName === node;
  return !isDeclared && !isRenamed;
}
