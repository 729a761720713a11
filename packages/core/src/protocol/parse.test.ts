import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../base/random.ts";
import { clientMessage, clientMessages, serverMessage, serverMessages } from "./messages.fuzz.ts";
import { type Parsed, parseClientMessage, parseServerMessage } from "./parse.ts";

fc.configureGlobal({ seed: 14 });

function problem(result: Parsed<unknown>): string {
  if (result.ok) return "accepted";
  assert.equal(result.code, "invalid-message");
  return result.message;
}

describe("a message is accepted as it is", () => {
  test("and not copied", () => {
    fc.assert(
      fc.property(clientMessage, serverMessage, (client, server) => {
        const fromClient = parseClientMessage(client);
        const fromServer = parseServerMessage(server);
        assert.ok(fromClient.ok && fromClient.message === client);
        assert.ok(fromServer.ok && fromServer.message === server);
      }),
      { numRuns: 500 },
    );
  });

  test("with members that are not known", () => {
    fc.assert(
      fc.property(clientMessage, serverMessage, fc.anything(), (client, server, more) => {
        assert.equal(parseClientMessage({ ...client, more }).ok, true);
        assert.equal(parseServerMessage({ ...server, more }).ok, true);
      }),
    );
  });
});

describe("a message is refused when one of its parts", () => {
  /** All places of a value, as paths. */
  function places(value: unknown, path: readonly (string | number)[] = []): Array<readonly (string | number)[]> {
    if (typeof value !== "object" || value === null) return [path];
    const entries = Array.isArray(value) ? value.map((item, index) => [index, item] as const) : Object.entries(value);
    return [path, ...entries.flatMap(([key, item]) => places(item, [...path, key]))];
  }
  function without(value: unknown, path: readonly (string | number)[], instead: unknown): unknown {
    const [key, ...rest] = path;
    if (key === undefined) return instead;
    const copy: Record<string | number, unknown> = Array.isArray(value)
      ? ([...value] as never)
      : { ...(value as Record<string, unknown>) };
    copy[key] = without(copy[key], rest, instead);
    return copy;
  }
  const nonsense = (): never => {
    throw new Error("called");
  };

  // Full checks refuse a function wherever it stands, because no part of a message can be one.
  for (const [type, messages] of Object.entries(clientMessages)) {
    test(`${type} from a device: is a function, anywhere`, () => {
      fc.assert(
        fc.property(messages as fc.Arbitrary<object>, fc.nat(), (message, pick) => {
          const all = places(message);
          const damaged = without(message, all[pick % all.length]!, nonsense);
          assert.notEqual(problem(parseClientMessage(damaged)), "accepted");
        }),
        { numRuns: 200 },
      );
    });
  }
  for (const [type, messages] of Object.entries(serverMessages)) {
    if (type === "rows" || type === "delta") continue;
    test(`${type} from a server: is a function, anywhere`, () => {
      fc.assert(
        fc.property(messages as fc.Arbitrary<object>, fc.nat(), (message, pick) => {
          const all = places(message);
          const damaged = without(message, all[pick % all.length]!, nonsense);
          assert.notEqual(problem(parseServerMessage(damaged)), "accepted");
        }),
        { numRuns: 200 },
      );
    });
  }

  test("is missing", () => {
    const optional: Record<string, readonly string[]> = {
      delta: ["subscription"],
      refusal: ["retryAfterMs", "about", "url"],
    };
    fc.assert(
      fc.property(
        fc.constantFrom("client", "server"),
        clientMessage,
        serverMessage,
        fc.nat(),
        (side, client, server, pick) => {
          const message: { readonly type: string } = side === "client" ? client : server;
          const required = Object.keys(message).filter((name) => !optional[message.type]?.includes(name));
          const { [required[pick % required.length] as "type"]: _gone, ...rest } = message;
          const result = side === "client" ? parseClientMessage(rest) : parseServerMessage(rest);
          assert.notEqual(problem(result), "accepted");
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("the contents of rows and delta", () => {
  const rows = { type: "rows", collection: "tasks", offset: 5 };
  const delta = { type: "delta", from: 1, to: 2, time: 3 };

  test("get a light check: each entry has its parts", () => {
    for (const entry of [
      ["e1", 1, []],
      ["not checked as an id", 1, [NaN]],
    ]) {
      assert.equal(problem(parseServerMessage({ ...rows, rows: [["e1", 1, [null]], entry] })), "accepted");
    }
    for (const entry of [
      null,
      1,
      {},
      [],
      ["e1"],
      ["e1", 1],
      [1, 1, []],
      ["e1", "1", []],
      ["e1", 1, {}],
      ["e1", 1, [], 1],
    ]) {
      assert.equal(
        problem(parseServerMessage({ ...rows, rows: [["e1", 1, []], entry] })),
        "rows[1] must have the parts of its kind",
      );
    }
    for (const entry of [
      [0, "c", "e", 1, []],
      [1, "c", "e", 1, [0, 1]],
      [2, "c", "e", 1],
      [3, "c", "e", 1],
    ]) {
      assert.equal(problem(parseServerMessage({ ...delta, changes: [entry] })), "accepted");
    }
    for (const entry of [
      null,
      {},
      [],
      [0],
      [0, "c", "e", 1],
      [0, "c", "e", 1, null],
      [0, "c", "e", 1, [], 1],
      [1, "c", "e", 1, {}],
      [2, "c", "e", 1, []],
      [3, "c", "e"],
      [4, "c", "e", 1],
      ["0", "c", "e", 1, []],
      [0, 1, "e", 1, []],
      [0, "c", 1, 1, []],
      [0, "c", "e", "1", []],
      [0, "c", "e", 1.5, []],
    ]) {
      assert.equal(
        problem(parseServerMessage({ ...delta, changes: [entry] })),
        "changes[0] must have the parts of its kind",
      );
    }
  });

  test("must be lists, and what is around them is checked in full", () => {
    for (const value of [undefined, null, {}, "[]", { length: 0 }]) {
      assert.equal(problem(parseServerMessage({ ...rows, rows: value })), "rows must be a list");
      assert.equal(problem(parseServerMessage({ ...delta, changes: value })), "changes must be a list");
    }
    assert.match(problem(parseServerMessage({ ...rows, collection: "my tasks", rows: [] })), /^collection must/);
    assert.match(problem(parseServerMessage({ ...rows, offset: -1, rows: [] })), /^offset must/);
    assert.match(problem(parseServerMessage({ ...delta, to: "2", changes: [] })), /^to must/);
    assert.match(problem(parseServerMessage({ ...delta, subscription: -1, changes: [] })), /^subscription must/);
    const polluted: unknown = JSON.parse('{"type":"rows","collection":"c","offset":1,"rows":[],"__proto__":{}}');
    assert.match(problem(parseServerMessage(polluted)), /__proto__/);
  });

  test("of a device's message are never looked at lightly", () => {
    assert.match(problem(parseClientMessage({ ...rows, rows: [] })), /^type must be one of hello/);
  });
});

describe("anything at all", () => {
  test("is answered without a throw, in at most 500 well-formed characters", () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSparseArray: true,
    });
    const type = fc.constantFrom(...Object.keys(clientMessages), ...Object.keys(serverMessages));
    fc.assert(
      fc.property(anything, type, fc.dictionary(fc.string({ unit: "binary" }), anything), (value, word, members) => {
        for (const candidate of [
          value,
          { ...members, type: word },
          { ...members, type: word, rows: value, changes: value },
        ]) {
          for (const result of [parseClientMessage(candidate), parseServerMessage(candidate)]) {
            if (result.ok) continue;
            assert.ok(result.message.length > 0 && result.message.length <= 500 && result.message.isWellFormed());
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("parts of valid messages put together at random are answered without a throw", () => {
    const random = seededRandom(99);
    const pool: unknown[] = [];
    const collect = (value: unknown): void => {
      pool.push(value);
      if (typeof value === "object" && value !== null) Object.values(value).forEach(collect);
    };
    for (const message of fc.sample(fc.oneof<fc.Arbitrary<object>[]>(clientMessage, serverMessage), {
      numRuns: 100,
      seed: 5,
    })) {
      collect(message);
    }
    let accepted = 0;
    for (let times = 0; times < 20_000; times++) {
      const base = pool[random.below(pool.length)];
      if (typeof base !== "object" || base === null || Array.isArray(base)) continue;
      const keys = Object.keys(base);
      const candidate = { ...base, [keys[random.below(keys.length)] ?? "type"]: pool[random.below(pool.length)] };
      if (parseClientMessage(candidate).ok || parseServerMessage(candidate).ok) accepted += 1;
    }
    assert.ok(accepted > 20, `only ${accepted} were accepted`);
  });
});
