/** The engines' rules and their tests cite each other: no rule without a test, and no test of a rule that is gone. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";

const root = resolve(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(resolve(root, path), "utf8");

function cited(letter: string): Set<string> {
  const titles = globSync(["packages/*/src/**/*.{test,long}.ts", "tests/**/*.{test,long}.ts"], { cwd: root })
    .flatMap((path) => [...read(path).matchAll(/\b(?:test|it|describe)\(\s*["'`]([^\n]*)/g)])
    .map(([, title]) => title ?? "");
  return new Set(
    titles
      .flatMap((title) => [...title.matchAll(/\[([A-Z]+\d+)\]/g)].map(([, id]) => id ?? ""))
      .filter((id) => id.startsWith(letter)),
  );
}

for (const [letter, spec] of [
  ["H", "packages/server/src/engine/SPEC.md"],
  ["R", "packages/client/src/engine/SPEC.md"],
] as const) {
  test(`every rule ${letter}… has a test that cites it, and every rule that is cited exists`, () => {
    const rules = [...read(spec).matchAll(/^\| ([A-Z]+\d+) \|/gm)].map(([, id]) => id ?? "");
    assert.ok(rules.length > 10);
    assert.deepEqual([...cited(letter)].sort(), rules.sort());
  });
}
