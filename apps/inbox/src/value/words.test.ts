/** How values, names and times are said in a few words. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { collection, defineSchema, type FieldSchema, field } from "@tidelock/core";
import { peopleSource } from "../people/names.ts";
import { briefChange, briefValue, briefValues } from "./brief.ts";
import { changeWords } from "./change-words.ts";
import { deltaWords } from "./delta-words.ts";
import { diffElements, diffItems } from "./element-diff.ts";
import { cut, entityTitle, listed, readable, sentence, shortId } from "./names.ts";
import { inputMoment, momentText, parseInputMoment, relativeTime, shortMomentText, spanText } from "./times.ts";

const schema = defineSchema({
  version: 1,
  collections: {
    boats: collection({
      name: field.string(),
      seats: field.integer(),
      leaves: field.timestamp(),
      pier: field.enum(["north_pier"]),
      home: field.reference("boats").optional(),
      tags: field.set(field.string()),
      steps: field.list({ text: field.string() }),
      trips: field.counter(),
      extra: field.json().optional(),
    }),
  },
});
const of = (name: string): FieldSchema => schema.collections.get("boats")!.byName.get(name)!;
const NOON = new Date(2026, 10, 22, 12).getTime();
const HOUR_MS = 60 * 60 * 1000;

describe("names", () => {
  test("come out readable, however they are written", () => {
    for (const [name, expected] of [
      ["dueAt", "Due at"],
      ["price_cents", "Price cents"],
      ["isVIPGuest", "Is VIP guest"],
      ["zone2B", "Zone2 b"],
      ["x", "X"],
      ["", ""],
    ] as const)
      assert.equal(readable(name), expected);
  });

  test("of entities are their title or name, else their first text, else the end of their id", () => {
    const boats = schema.collections.get("boats");
    assert.equal(entityTitle(boats, { id: "1", name: "  MS\n Sula " }), "MS Sula");
    assert.equal(entityTitle(boats, { id: "1", name: "", title: "Boat" }), "Boat");
    assert.equal(entityTitle(undefined, { id: "01a20499-2f37-7f23-847a-659d91390d59" }), "…390d59");
    assert.equal(entityTitle(boats, { id: "1", name: 7 as never }), "1");
  });

  test("are cut between characters", () => {
    assert.equal(cut("👩👩👩", 3), "👩…");
    assert.equal(cut("short", 10), "short");
    assert.equal(shortId("sula"), "sula");
  });

  test("are listed, and sentences are ended", () => {
    assert.equal(listed(["a", "b", "c"]), "a, b, and c");
    assert.equal(sentence("nobody knows"), "Nobody knows.");
    assert.equal(sentence("Why?"), "Why?");
    assert.equal(sentence(" "), "");
  });

  test("of people come from a collection of people, where there is one", () => {
    assert.equal(peopleSource(schema), null);
    const own = defineSchema({ version: 1, collections: { users: collection({ displayName: field.string() }) } });
    assert.deepEqual(peopleSource(own), { collection: "users", field: "displayName" });
    const nameless = defineSchema({ version: 1, collections: { users: collection({ age: field.integer() }) } });
    assert.equal(peopleSource(nameless), null);
  });
});

describe("a value in a few words", () => {
  test("is said by its type", () => {
    for (const [name, value, expected] of [
      ["name", " two\n words ", "two words"],
      ["name", "", "empty text"],
      ["name", null, "nothing"],
      ["seats", 1234567.5, "1,234,567.5"],
      ["pier", "north_pier", "North pier"],
      ["leaves", NOON, "Sun, Nov 22, 2026, 12:00"],
      ["tags", ["a", "b"], "a, b"],
      ["tags", [], "empty list"],
      ["steps", [{ id: "1", text: "a" }], "1 item"],
      ["extra", true, "yes"],
      ["extra", { a: 1 }, '{"a":1}'],
    ] as const)
      assert.equal(briefValue(of(name), value as never), expected);
  });

  test("beside others is what tells it from them", () => {
    const texts = ["All ferries stop on Friday at 14:00.", "All ferries stop on Friday at noon."];
    assert.deepEqual(briefValues(of("name"), texts), ["…Friday at 14:00.", "…Friday at noon."]);
    assert.deepEqual(briefValues(of("name"), ["one", "other"]), ["one", "other"]);
    assert.deepEqual(briefValues(of("leaves"), [NOON, NOON + HOUR_MS]), ["12:00", "13:00"]);
    const midnight = NOON - 12 * HOUR_MS;
    assert.deepEqual(briefValues(of("leaves"), [midnight, midnight + 48 * HOUR_MS]), ["Sun, Nov 22", "Tue, Nov 24"]);
    assert.deepEqual(briefValues(of("leaves"), [NOON, null]), ["Sun, Nov 22, 2026, 12:00", "nothing"]);
    assert.deepEqual(
      briefValues(of("extra"), [
        { a: 1, b: 2 },
        { a: 1, b: 3 },
      ]),
      ["b 2", "b 3"],
    );
    assert.deepEqual(briefValues(of("name"), []), []);
  });

  test("of a whole entity is what it changes", () => {
    assert.equal(briefChange(null), "deletes it");
    assert.equal(briefChange({ seats: 1, leavesAt: 2 }), "changes Seats, Leaves at");
    assert.equal(briefChange({}), "changes it");
  });

  test("that is a change is said as one", () => {
    assert.equal(changeWords(of("trips"), { add: -2 }), "subtracts 2");
    assert.equal(changeWords(of("tags"), { add: ["a"], remove: ["b", "c"] }), "adds a; removes b and c");
    const ops = [
      ["insert", "1", null, {}],
      ["insert", "2", null, {}],
      ["remove", "3"],
    ];
    assert.equal(changeWords(of("steps"), { ops } as never), "adds 2 items and removes 1 item");
    assert.equal(changeWords(of("tags"), ["a"]), null);
    assert.equal(changeWords(of("extra"), { add: 1 }), null);
  });

  test("says how far it is from another one", () => {
    assert.equal(deltaWords(of("seats"), 100, 110), "+10 (+10%)");
    assert.equal(deltaWords(of("seats"), 0.1, 0.3), "+0.2 (+200%)");
    assert.equal(deltaWords(of("seats"), 0, 5), "+5");
    assert.equal(deltaWords(of("seats"), 214, 180), "−34 (−15.9%)");
    assert.equal(deltaWords(of("leaves"), NOON, NOON + 26 * HOUR_MS), "1 day 2 h later");
    assert.equal(deltaWords(of("seats"), 1, 1), null);
    assert.equal(deltaWords(of("name"), "a", "b"), null);
  });
});

describe("elements", () => {
  test("are the same, added or removed", () => {
    assert.deepEqual(
      diffElements(["a", "b"], ["b", "c"]).map(({ element, state }) => `${state} ${String(element)}`),
      ["same b", "added c", "removed a"],
    );
  });

  test("with ids are known by them", () => {
    const [a, b, c] = [
      { id: "a", text: "one" },
      { id: "b", text: "two" },
      { id: "c", text: "three" },
    ];
    const states = diffItems([a!, b!], [{ ...a!, text: "eins" }, c!])?.map(
      ({ element, state }) => `${state} ${element["id"]}`,
    );
    assert.deepEqual(states, ["changed a", "added c", "removed b"]);
    assert.equal(diffItems(undefined, ["plain"]), null);
  });
});

describe("times", () => {
  test("are said from here", () => {
    assert.equal(relativeTime(NOON - 5000, NOON), "just now");
    assert.equal(relativeTime(NOON - 3.9 * HOUR_MS, NOON), "3 hours ago");
    assert.equal(relativeTime(NOON + 50 * HOUR_MS, NOON), "in 2 days");
    assert.equal(shortMomentText(NOON + 2 * HOUR_MS, NOON), "today 14:00");
    assert.equal(shortMomentText(NOON + 24 * HOUR_MS, NOON), "tomorrow 12:00");
    assert.equal(shortMomentText(NOON + 96 * HOUR_MS, NOON), "Thu, Nov 26, 12:00");
    assert.equal(shortMomentText(NOON + 400 * 24 * HOUR_MS, NOON), "Dec 27, 2027");
    assert.equal(spanText(90_000), "1 min 30 s");
    assert.equal(spanText(0), "0 s");
  });

  test("that are none come out as their numbers", () => {
    assert.equal(momentText(9e15), "9000000000000000");
    assert.equal(shortMomentText(-9e15, NOON), "-9000000000000000");
    assert.equal(inputMoment(9e15), "");
  });

  test("come out of an input as they went in", () => {
    for (const millis of [NOON, NOON + 5_000, NOON + 123, -1])
      assert.equal(parseInputMoment(inputMoment(millis)), millis);
    assert.equal(parseInputMoment("soon"), null);
  });
});
