import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cell, tableLines } from "./table.ts";

const rows: readonly (readonly Cell[])[] = [
  [
    ["1.0", "reset"],
    ["lww", "reset"],
    ["tasks title", "reset"],
  ],
  [["what was written", "reset"]],
  [
    ["1234.10", "reset"],
    ["resolve/greatest", "reset"],
    ["tasks a-field-with-quite-a-long-name", "reset"],
  ],
];

test("columns line up, and a line of one cell stands below its row", () => {
  assert.deepEqual(tableLines(["id", "policy", "where"], rows, Number.POSITIVE_INFINITY), [
    "id       policy            where",
    "1.0      lww               tasks title",
    "  what was written",
    "1234.10  resolve/greatest  tasks a-field-with-quite-a-long-name",
  ]);
});

test("no line is wider than the terminal, however narrow", () => {
  for (let width = 1; width < 60; width++) {
    for (const line of tableLines(["id", "policy", "where"], rows, width)) {
      assert.ok(line.length <= width, `${width}: ${line}`);
    }
  }
  assert.match(
    tableLines(["id", "policy", "where"], rows, 40).at(-1) ?? "",
    /^1234\.10 {2}resolve\/greatest {2}tasks a-fiel…$/,
  );
});
