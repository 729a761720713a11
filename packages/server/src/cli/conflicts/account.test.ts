import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ConflictRecord, ContenderRecord } from "../../engine/inquiry-records.ts";
import { accountOf, type Present } from "./account.ts";

const ana: ContenderRecord = {
  device: "laptop",
  user: "ana",
  offset: 41,
  version: "e1.36~laptop:3",
  time: "2026-03-01T12:00:01.000Z",
  value: "Water the plants",
};
const ben: ContenderRecord = {
  device: "phone",
  user: "ben",
  offset: 42,
  version: "e1.38~phone:7",
  time: "2026-03-01T12:00:03.000Z",
  value: "Feed the cat",
};
const conflict: ConflictRecord = {
  id: "42.0",
  collection: "tasks",
  entity_id: "t1",
  field: "title",
  policy: "lww",
  policy_version: 1,
  winner: "incoming",
  value: "Feed the cat",
  reason: "the write of device phone is later",
  base: "Water",
  current: ana,
  incoming: ben,
  time: "2026-03-01T12:00:05.000Z",
};
const present: NonNullable<Present> = { deleted: false, fields: { title: "Feed the cat" }, reviews: {} };

function told(changes: Partial<ConflictRecord>, now: Present = present): Record<string, string> {
  const { headline, parts, advice } = accountOf({ ...conflict, ...changes }, now, " --tenant acme");
  return { headline, ...Object.fromEntries(parts), advice: advice === null ? "" : advice.join(" ") };
}

describe("the account of a conflict", () => {
  test("says who wrote what having seen what, which rule decided and why, and the way back", () => {
    const { headline, before, first, then, rule, reason, outcome, now, advice } = told({});
    assert.match(headline ?? "", /^Two writes met in the title of tasks t1 \(decision 42\.0, 2026-/);
    assert.equal(before, '"Water"');
    assert.match(
      first ?? "",
      /^ana on laptop wrote "Water the plants" \(event 41, .*\)\. ana had seen the log up to event 36\.$/,
    );
    assert.match(then ?? "", /^ben on phone wrote "Feed the cat" \(event 42, /);
    assert.match(then ?? "", /ben had seen the log up to event 38, and so not what ana wrote \(event 41\)\.$/);
    assert.match(rule ?? "", /^lww: the later write stands, by the clocks of the devices/);
    assert.equal(reason, "the write of device phone is later");
    assert.equal(outcome, '"Feed the cat" of ben stands; "Water the plants" of ana lost.');
    assert.equal(now, 'It still is "Feed the cat".');
    assert.equal(advice, 'To bring back "Water the plants" of ana: tidelock conflicts restore 42.0 --tenant acme');
  });

  test("invents nothing that the log does not say any more", () => {
    const { first, then } = told({ current: { ...ana, user: null, version: null, offset: 0 } });
    assert.match(
      first ?? "",
      /^somebody on laptop wrote "Water the plants" \(20.*What somebody on laptop had seen, the log does not say any more\.$/,
    );
    assert.match(then ?? "", /ben had seen the log up to event 38\.$/);
  });

  test("names the rule of an application, and a policy that it does not know", () => {
    assert.match(
      told({ policy: "resolve/greatest", policy_version: 3 })["rule"] ?? "",
      /^greatest, version 3, a rule of the app/,
    );
    assert.equal(told({ policy: "later-one" })["rule"], "later-one.");
  });

  test("a value that was made of both, and one that waits for a person", () => {
    const merged = told({ winner: "merged", value: "Both" });
    assert.equal(merged["outcome"], 'Neither alone: the value is "Both".');
    assert.match(merged["advice"] ?? "", /restore 42\.0 --side current --tenant acme$/);
    const waiting = told(
      { winner: "review", policy: "review", value: "Water the plants" },
      { ...present, reviews: { title: "review:phone:7:0.1" } },
    );
    assert.equal(waiting["outcome"], '"Water the plants" of ana stays until a person has decided.');
    assert.match(waiting["advice"] ?? "", /tidelock reviews show review:phone:7:0\.1 --tenant acme$/);
  });

  test("an update against a delete", () => {
    const gone = { ...ana, value: null };
    const update = { ...ben, value: { title: "Feed the cat", done: true } };
    const whole = {
      field: null,
      policy: "delete-wins",
      winner: "current",
      current: gone,
      incoming: update,
      value: null,
    } as const;
    const { headline, first, then, outcome, now, advice } = told(whole, { deleted: true, fields: null, reviews: {} });
    assert.match(headline ?? "", /^A change met a delete of tasks t1 /);
    assert.match(first ?? "", /^ana on laptop deleted it \(event 41/);
    assert.match(then ?? "", /^ben on phone wrote title="Feed the cat" done=true /);
    assert.equal(outcome, 'the delete of ana stands; title="Feed the cat" done=true of ben lost.');
    assert.equal(now, "It is deleted.");
    assert.equal(advice, "", "what is deleted does not come back");
  });

  test("what happened since, and nothing where that is not known", () => {
    assert.match(
      told({}, { ...present, fields: { title: "New" } })["now"] ?? "",
      /^It is "New": somebody wrote it since\.$/,
    );
    assert.equal(told({}, { deleted: true, fields: null, reviews: {} })["now"], "The entity has been deleted.");
    assert.equal(told({}, null)["now"], undefined);
    assert.equal(told({}, { ...present, fields: { title: ana.value } })["advice"], "", "it is back already");
  });

  test("text of others moves no cursor", () => {
    const evil = "\u001b[2J\u202e\u0007";
    const all = JSON.stringify(
      accountOf(
        { ...conflict, value: evil, reason: evil, current: { ...ana, value: evil, user: `a${evil}` } },
        null,
        "",
      ).parts,
    );
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    assert.doesNotMatch(JSON.parse(all).flat().join(""), /[\u0000-\u001f\u202e]/);
  });
});
