import assert from "node:assert/strict";
import { test } from "node:test";
import { Tally, type TestReport } from "./test-tally.ts";

const file = "a.test.ts";
const subtestsFailed = Object.assign(new Error("1 subtest failed"), { failureType: "subtestsFailed" });

function report(name: string, testId: number, rest: Partial<TestReport> = {}): TestReport {
  return { name, testId, parentId: 0, entryFile: file, file, line: 1, details: { type: "test" }, ...rest };
}

test("A test that holds others is not counted, its children are", () => {
  const tally = new Tally();
  const parent = report("parent", 1);
  const child = report("child", 2, { parentId: 1 });
  tally.start(parent);
  tally.start(child);
  tally.pass(child);
  tally.pass(parent);
  assert.equal(tally.summary(), "1 passed, 0 failed");
});

test("A suite is not counted, nor is the failure that it inherits", () => {
  const tally = new Tally();
  const suite = report("suite", 1, { details: { type: "suite", error: subtestsFailed } });
  const child = report("child", 2, { parentId: 1, details: { type: "test", error: new Error("wrong") } });
  tally.start(suite);
  tally.start(child);
  assert.deepEqual(tally.fail(child)?.path, ["suite", "child"]);
  assert.equal(tally.fail(suite), undefined);
  assert.equal(tally.summary(), "0 passed, 1 failed");
});

test("A suite whose hook fails counts as a failure", () => {
  const tally = new Tally();
  tally.fail(report("suite", 1, { details: { type: "suite", error: new Error("before hook") } }));
  assert.equal(tally.summary(), "0 passed, 1 failed");
});

test("Skipped and unwritten tests are counted apart", () => {
  const tally = new Tally();
  tally.pass(report("skipped", 1, { skip: true }));
  tally.pass(report("skipped for no reason", 2, { skip: "" }));
  tally.fail(report("unwritten", 3, { todo: true }));
  tally.pass(report("solo", 4));
  assert.equal(tally.summary(), "3 skipped\n1 passed, 0 failed");
});

test("A file counts only when it fails by itself", () => {
  const tally = new Tally();
  tally.pass({ name: "empty.test.ts", testId: 1, parentId: 0, file: "empty.test.ts" });
  assert.equal(tally.summary(), "0 passed, 0 failed");
  tally.fail({ name: "broken.test.ts", testId: 2, parentId: 0, file: "broken.test.ts", details: { error: "exit 1" } });
  assert.equal(tally.summary(), "0 passed, 1 failed");
});
