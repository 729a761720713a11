import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { JsonObject, JsonValue } from "../base/json.ts";
import { type DeviceId, parseDeviceId, parseUserId } from "../ids.ts";
import { type AnyField, collection, defineSchema } from "../schema/schema.ts";
import { field, type FieldSchema, review } from "../schema/field.ts";
import { makeStamp } from "../time/hlc.ts";
import { covers, type VersionVector } from "../version/version-vector.ts";
import { baseOf, claimsOf, remember } from "./memory.ts";
import type { FieldState, IncomingWrite } from "./field-state.ts";
import { defineRule } from "./rule.ts";

fc.configureGlobal({ seed: 21 });

const devices = ["a", "b", "c"].map((name) => parseDeviceId(name)!);
const user = parseUserId("ana")!;

function built(declared: AnyField): FieldSchema {
  return defineSchema({ version: 1, collections: { c: collection({ f: declared }) } })
    .collections.get("c")!
    .byName.get("f")!;
}

const ruled = defineRule<JsonValue>({
  name: "any",
  version: 1,
  claims: ["role"],
  decide: ({ current }) => current.value,
});
const reviewed = built(field.json().policy(review()));
const resolved = built(field.json().policy(ruled));

/** The offset is the number of the write; each device counts its own. */
function write(
  state: FieldState,
  schema: FieldSchema,
  offset: number,
  value: JsonValue,
  claims: JsonObject = {},
): FieldState {
  const device = devices[offset % devices.length]!;
  const dot = { device, counter: Math.ceil(offset / devices.length), offset };
  const stamp = makeStamp(offset, 0);
  const incoming: IncomingWrite = { ...dot, user, seen: upTo(offset - 1), stamp, claims, value };
  return { value, write: { ...dot, stamp, user }, memory: remember(schema, state, incoming) };
}

function upTo(floor: number, own: ReadonlyArray<readonly [DeviceId, number]> = []): VersionVector {
  return { floor, dots: new Map(own) };
}

const NEVER_WRITTEN: FieldState = { value: null, write: undefined, memory: undefined };

function written(schema: FieldSchema, values: readonly JsonValue[]): FieldState {
  return values.reduce<FieldState>((state, value, index) => write(state, schema, index + 1, value), NEVER_WRITTEN);
}

describe("the base of a conflict", () => {
  test("is the value that the author had seen last, by the log or as its own", () => {
    const state = written(reviewed, ["first", "second", "third", "fourth"]);
    assert.deepEqual(baseOf(state.memory, upTo(1)), { value: "first" });
    assert.deepEqual(baseOf(state.memory, upTo(3)), { value: "third" });
    // Write 2 was made by the third device, which has seen nothing of the log but its own.
    assert.deepEqual(baseOf(state.memory, upTo(0, [[devices[2]!, 1]])), { value: "second" });
  });

  test("is unknown when nobody remembers that far back", () => {
    assert.equal(baseOf(undefined, upTo(9)), undefined);
    assert.equal(baseOf(written(reviewed, ["first"]).memory, upTo(1)), undefined);
    assert.equal(baseOf(written(reviewed, ["first", "second"]).memory, upTo(0)), undefined);
  });

  test("may be null, which is not the same as unknown", () => {
    assert.deepEqual(baseOf(written(reviewed, [null, "second"]).memory, upTo(1)), { value: null });
  });

  test("is either what a memory without bounds would answer, or unknown", () => {
    let known = 0;
    let forgotten = 0;
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.nat(5),
            fc.nat(3000).map((length) => "x".repeat(length)),
          ),
          {
            minLength: 1,
            maxLength: 40,
            size: "max",
          },
        ),
        fc.nat(12),
        fc.tuple(fc.nat(2), fc.nat(8)),
        (values, floor, [device, counter]) => {
          const seen = upTo(Math.min(floor, values.length - 1), [[devices[device]!, counter]]);
          const before = values.slice(0, -1).map((value, index) => ({ value, offset: index + 1 }));
          const expected = before.findLast(({ offset }) =>
            covers(seen, { device: devices[offset % 3]!, counter: Math.ceil(offset / 3), offset }),
          );
          const answer = baseOf(written(reviewed, values).memory, seen);
          if (answer === undefined && expected !== undefined) forgotten += 1;
          if (answer === undefined) return;
          known += 1;
          assert.equal(answer.value, expected?.value);
        },
      ),
      { numRuns: 300 },
    );
    assert.ok(known > 50 && forgotten > 20, `${known} known, ${forgotten} forgotten`);
  });
});

describe("what is remembered of a field", () => {
  const past = (memory: JsonValue | undefined): ReadonlyArray<readonly unknown[]> =>
    ((memory ?? {}) as { past?: ReadonlyArray<readonly unknown[]> }).past ?? [];

  test("is nothing where nobody will ever ask", () => {
    for (const schema of [built(field.string()), built(field.counter()), built(field.set(field.string()))]) {
      assert.equal(written(schema, ["a", "b", "c"]).memory, undefined);
    }
    assert.equal(written(reviewed, ["first"]).memory, undefined);
  });

  test("ends sixteen values ago, and stays under eight thousand characters", () => {
    const many = written(
      reviewed,
      Array.from({ length: 40 }, (_, index) => index),
    );
    assert.deepEqual(
      past(many.memory).map((entry) => entry[3]),
      Array.from({ length: 16 }, (_, index) => 23 + index),
    );
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 4000 }), { minLength: 1, maxLength: 30 }), (values) => {
        const entries = past(written(reviewed, values).memory);
        assert.ok(entries.length <= 16);
        assert.ok(JSON.stringify(entries).length <= 8192 + 2 * 16, "too many characters");
      }),
      { numRuns: 100 },
    );
  });

  test("does not keep a value that is larger than all of it may be, and goes on after it", () => {
    const large = written(reviewed, ["small", "x".repeat(9000), "after"]);
    assert.equal(large.memory, undefined);
    assert.deepEqual(baseOf(write(large, reviewed, 4, "last").memory, upTo(3)), { value: "after" });
  });

  test("are the claims that the rule asks for, of the last write alone", () => {
    const once = write(NEVER_WRITTEN, resolved, 1, "a", { role: "lead", secret: "x" });
    assert.deepEqual(claimsOf(once.memory), { role: "lead" });
    assert.deepEqual(claimsOf(write(once, resolved, 2, "b", { secret: "x" }).memory), {});
    assert.deepEqual(claimsOf(undefined), {});
    const inherited = write(NEVER_WRITTEN, built(field.json().policy({ ...ruled, claims: ["toString"] })), 1, "a");
    assert.deepEqual(claimsOf(inherited.memory), {});
  });
});
