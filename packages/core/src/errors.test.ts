import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assert as assertInvariant, InvariantViolation, unreachable } from "./base/assert.ts";
import { type ErrorCode, ERRORS, isErrorCode, TidelockError } from "./errors.ts";

describe("the error catalogue", () => {
  for (const [code, entry] of Object.entries(ERRORS)) {
    test(`${code} says what happened and what to do`, () => {
      assert.match(code, /^[a-z]+(-[a-z]+)*$/);
      assert.ok(code.length <= 64);
      assert.match(entry.message, /^[A-Z].*\.$/);
      assert.match(entry.fix, /^[A-Z`].*[^.…] ?\.?$/);
      assert.notEqual(entry.message, entry.fix);
      assert.ok(entry.http >= 400 && entry.http <= 599);
    });
  }

  test("a code is one of its own keys, whatever is asked", () => {
    for (const code of Object.keys(ERRORS)) assert.equal(isErrorCode(code), true);
    for (const other of ["", "nope", "__proto__", "constructor", "toString", null, undefined, 4, {}, ["forbidden"]]) {
      assert.equal(isErrorCode(other), false);
    }
  });
});

describe("an error", () => {
  test("carries its code, its detail, and what the catalogue says", () => {
    const cause = new Error("below");
    const error = new TidelockError("store-quota", "needed 5 MB", { cause });
    assert.ok(error instanceof Error);
    assert.deepEqual([error.name, error.code, error.detail], ["TidelockError", "store-quota", "needed 5 MB"]);
    assert.equal(error.message, "store-quota: needed 5 MB");
    assert.equal(error.fix, ERRORS["store-quota"].fix);
    assert.equal(error.retryable, true);
    assert.equal(error.cause, cause);
  });

  test("without detail says what the catalogue says", () => {
    const code: ErrorCode = "forbidden";
    assert.equal(new TidelockError(code).message, `forbidden: ${ERRORS.forbidden.message}`);
    assert.equal(new TidelockError(code).retryable, false);
  });
});

describe("an invariant", () => {
  test("that holds is silent; one that is broken stops the machine", () => {
    assertInvariant(1, "never");
    assert.throws(() => assertInvariant(0, "one is zero"), new InvariantViolation("one is zero"));
  });

  test("of exhaustiveness names the case", () => {
    assert.throws(() => unreachable("surprise" as never), /unreachable case: "surprise"/);
  });
});
