import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HistoryEntry, LoggedDecision } from "@tidelock/client";
import type { JsonValue } from "@tidelock/core";
import { historyRows } from "./history-rows.ts";

const MINUTE_MS = 60_000;
let offset = 0;

type Changes = Readonly<Record<string, readonly [was: JsonValue, now: JsonValue]>>;

/** An event of Mira's, later ones with greater offsets. */
function event(changes: Changes, more: Partial<HistoryEntry> = {}): HistoryEntry {
  offset += 1;
  return {
    ...{ offset, kind: "updated", time: 0, occurredAt: offset, user: "mira", device: "d", changes: null, call: null },
    changed: Object.entries(changes).map(([field, [was, now]]) => ({ field, was, now })),
    decisions: [],
    ...more,
  };
}

function decision(given: Partial<LoggedDecision["decision"]>): LoggedDecision {
  const side = (user: string, value: JsonValue): object => ({ user, value });
  return {
    ...{ key: "1.0", collection: "tasks", id: "t", time: 0 },
    decision: {
      ...{ field: "priority", policy: "lww", policyVersion: 1, winner: "current", value: "high", reason: "" },
      ...{ current: side("mira", "high"), incoming: side("jonas", "low") },
      ...given,
    } as LoggedDecision["decision"],
  };
}

/** Rows of events that are given in the order in which they happened. */
function rowsOf(...events: readonly HistoryEntry[]): ReturnType<typeof historyRows> {
  return historyRows(events.toReversed(), []);
}

function phrases(...events: readonly HistoryEntry[]): string[] {
  return rowsOf(...events).map((row) => row.phrases.join(", "));
}

describe("a card's history", () => {
  test("says what was done, newest first", () => {
    assert.deepEqual(
      phrases(
        event({}, { kind: "created" }),
        event({ status: ["todo", "doing"], position: ["V", "W"] }),
        event({ assignee: [null, "Noor"] }),
        event({ dueAt: [5, null] }),
        event({ asked: [3, 5] }),
        event({}, { kind: "deleted" }),
      ),
      [
        "deleted the card",
        "counted that it was asked for 2 times more",
        "took the due date off",
        "assigned it to Noor",
        "moved it to Doing",
        "added the card",
      ],
    );
  });

  test("calls items of the checklist by their texts, also those that are gone", () => {
    const item = { id: "1", text: "Pack rope", done: false };
    const steps = (was: JsonValue, now: JsonValue, ...ops: JsonValue[]): HistoryEntry =>
      event({ steps: [was, now] }, { changes: { steps: { ops } } });
    assert.deepEqual(
      phrases(
        steps([], [item], ["insert", "1", null, { text: "Pack rope", done: false }]),
        steps([item], [{ ...item, done: true }], ["edit", "1", { done: true }]),
        steps([{ ...item, done: true }], [], ["remove", "1"]),
      ),
      ["removed “Pack rope” from the checklist", "ticked “Pack rope”", "added “Pack rope” to the checklist"],
    );
  });

  test("is one row for what was typed in one go, with the value from before", () => {
    const typed = (was: string, now: string, at: number, user = "mira"): HistoryEntry =>
      event({ notes: [was, now] }, { occurredAt: at, user });
    const rows = rowsOf(
      typed("", "R", 0),
      typed("R", "Rope", 1),
      typed("Rope", "Ropes", 2, "jonas"),
      typed("Ropes", "Sails", 20 * MINUTE_MS, "jonas"),
    );
    assert.deepEqual(
      rows.map(({ user, replaced }) => [user, replaced]),
      [
        ["jonas", [{ field: "notes", value: "Ropes" }]],
        ["jonas", [{ field: "notes", value: "Rope" }]],
        ["mira", []],
      ],
    );
  });

  test("shows a write that did not stand, with what can be brought back", () => {
    const [row] = rowsOf(event({}, { user: "jonas", decisions: [decision({})] }));
    assert.deepEqual(row?.phrases, ["set the priority to “Low”"]);
    assert.deepEqual(row.decisions[0]?.lost, { field: "priority", value: "low", user: "jonas" });
  });

  test("shows proposals and decisions, without the engine's own marks", () => {
    const date = { field: "dueAt", policy: "review" };
    const marked: Changes = { "tidelock.review": [null, { dueAt: "r" }] };
    const rows = rowsOf(
      event(marked, { decisions: [decision({ ...date, winner: "review" })] }),
      event({ dueAt: [1, 2], ...marked }, { decisions: [decision({ ...date, winner: "merged" })] }),
      event(marked),
    );
    assert.deepEqual(
      rows.map((row) => row.phrases.join()),
      ["decided the due date", "proposed “low” as the due date"],
    );
    assert.equal(rows[1]?.decisions[0]?.lost, null, "what waits is not lost");
    assert.deepEqual(rows[0]?.decisions[0]?.lost?.value, "high", "what the field had did not stand");
  });
});
