import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkAddresses } from "./addresses.ts";
import { checkDrawers } from "./drawers.ts";
import { checkErrorCodes } from "./error-codes.ts";
import type { Finding } from "./files.ts";
import { checkLength } from "./length.ts";
import { checkLinks } from "./links.ts";
import { checkPurity } from "./purity.ts";

function textsOf(findings: readonly Finding[]): string[] {
  return findings.map(({ line, text }) => `${line}: ${text}`);
}

describe("purity", () => {
  const engine = "packages/client/src/engine/replica.ts";
  const core = "packages/core/src/time/hlc.ts";
  const count = (path: string, text: string): number => checkPurity(path, () => text).length;

  for (const impure of [
    "const now = Date.now();",
    "const now = new Date();",
    "const now = new Date;",
    "const now = Date();",
    "const r = Math.random();",
    "const t = performance.now();",
    "setTimeout(f, 10);",
    "const id = crypto.randomUUID();",
    "const now = globalThis.Date.now;",
    "const later = { run: setTimeout };",
    "const later = { queueMicrotask };",
    "names.sort((a, b) => a.localeCompare(b));",
    "const text = (12.5).toLocaleString();",
  ]) {
    test(`refuses ${impure}`, () => assert.equal(count(core, impure), 1));
  }

  for (const pure of [
    "const date = new Date(millis);",
    "const day = Date.UTC(2026, 0, 1);",
    "// Date.now() is what the runtime passes",
    'const text = "Math.random()";',
    "interface Effects { setTimeout(ms: number): void; readonly crypto: string }",
    "clock.setTimeout(10); peer.fetch();",
    "function f(performance: number): void {}",
  ]) {
    test(`accepts ${pure}`, () => assert.equal(count(core, pure), 0));
  }

  test("refuses every kind of waiting in an engine, but not in the rest of core", () => {
    const waits = "async function f(): Promise<void> { await g(); for await (const x of xs) h(x); }";
    assert.deepEqual(textsOf(checkPurity(engine, () => waits)).length, 4);
    assert.equal(count("packages/core/src/schema/schema.ts", waits), 0);
  });

  test("leaves tests and impure folders alone", () => {
    assert.equal(count("packages/core/src/time/hlc.test.ts", "Date.now();"), 0);
    assert.equal(count("packages/client/src/runtime/system.ts", "Date.now();"), 0);
    assert.equal(count("packages/testkit/src/sim/world.ts", "Date.now();"), 1);
  });
});

describe("error codes", () => {
  const catalogue = "packages/core/src/errors.ts";
  const page = "docs/ERRORS.md";
  const check = (code: string, documentation: string): string[] =>
    textsOf(checkErrorCodes([catalogue, page], (path) => (path === page ? documentation : code)));

  test("agree when both name the same", () => {
    const code = 'export const ERRORS = { "a-b": entry(1), forbidden: entry(2) } as const satisfies X;';
    assert.deepEqual(
      check(code, "# Errors\n\n| code |\n| --- |\n| `a-b` | x |\n\n### `forbidden`\n\nSee `other`.\n"),
      [],
    );
  });

  test("are compared in both directions", () => {
    assert.deepEqual(check('export const ERRORS = {\n  "a-b": 1,\n};', "| `c-d` | x |\n"), [
      '2: code "a-b" is not in docs/ERRORS.md',
      '1: code "c-d" is not in packages/core/src/errors.ts',
    ]);
  });

  test("are in kebab-case, and there are some", () => {
    assert.deepEqual(check("export const ERRORS = { aB: 1 };", "| `aB` |"), ['1: code "aB" is not in kebab-case']);
    assert.deepEqual(check("export const OTHER = { aB: 1 };", ""), ["1: no exported object ERRORS with codes as keys"]);
  });

  test("are not compared until there is a page", () => {
    assert.deepEqual(
      checkErrorCodes([catalogue], () => "export const ERRORS = { a: 1 };"),
      [],
    );
  });
});

describe("drawers", () => {
  test("are refused as file and as folder", () => {
    for (const path of [
      "packages/core/src/utils.ts",
      "apps/board/helpers/date.ts",
      "bench/common.test.ts",
      "a/types.ts",
    ]) {
      assert.equal(checkDrawers(path).length, 1, path);
    }
    for (const path of ["packages/core/src/ids.ts", "docs/common-questions.md", "packages/core/src/prototypes.ts"]) {
      assert.equal(checkDrawers(path).length, 0, path);
    }
  });
});

describe("addresses", () => {
  const check = (text: string): number => checkAddresses("docs/a.md", () => text).length;

  test("of one machine are refused", () => {
    for (const folder of ["work", "root", "home"]) assert.equal(check(`see /${folder}/someone/x`), 1, folder);
    assert.equal(check(`from https://${"registry"}.example.org/x`), 1);
  });

  test("that are routes, parts of a path or of a URL are fine", () => {
    for (const text of ["GET /api/home/x", "https://example.org/home/x", "./root/x", "`/homework/x`", "a/work/b"]) {
      assert.equal(check(text), 0, text);
    }
  });
});

describe("length", () => {
  test("is an error for a file and a hint for a function", () => {
    const body = "  x();\n".repeat(120);
    assert.deepEqual(
      checkLength("a.ts", () => `function f() {\n${body}}\n`).map(({ hint }) => hint),
      [true],
    );
    assert.deepEqual(
      checkLength("a.ts", () => "x();\n".repeat(601)).map(({ hint }) => hint),
      [false],
    );
    assert.deepEqual(
      checkLength("a.ts", () => "x();\n".repeat(600)),
      [],
    );
  });
});

describe("links", () => {
  const files = ["README.md", "docs/PROTOCOL.md", "docs/adr/0001-toolchain.md"];
  const check = (text: string, path = "docs/PROTOCOL.md"): string[] => textsOf(checkLinks(path, files, () => text));

  test("lead to a file or a folder", () => {
    assert.deepEqual(check("[a](../README.md) [b](adr/0001-toolchain.md#x) [c](adr/) [d](adr) [e](#here)"), []);
    assert.deepEqual(check("[a](https://example.org/x) [b](mailto:a@example.org)"), []);
    assert.deepEqual(check("ok\n[a](GONE.md)\n\n[b]: ./adr/0002.md\n"), [
      "2: no such file: GONE.md",
      "4: no such file: ./adr/0002.md",
    ]);
  });

  test("in code are not links", () => {
    assert.deepEqual(check("```md\n[a](GONE.md)\n```\nand `[a](GONE.md)`"), []);
  });
});
