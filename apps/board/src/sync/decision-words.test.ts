import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonValue } from "@tidelock/core";
import { type Audience, decisionText, type Told } from "./decision-words.ts";

const NAMES: Readonly<Record<string, string>> = { mira: "Mira", jonas: "Jonas" };
const audience: Audience = { nameOf: (user) => NAMES[user ?? ""] ?? "Somebody", self: "noor" };

interface Given extends Partial<Omit<Told, "current" | "incoming">> {
  readonly current?: readonly [user: string, value: JsonValue];
  readonly incoming?: readonly [user: string, value: JsonValue];
}

function told({ current = ["mira", "high"], incoming = ["jonas", "low"], ...given }: Given): Told {
  return {
    ...{ field: "priority", policy: "lww", winner: "current", value: current[1], reason: "it had to be" },
    ...given,
    current: { user: current[0], value: current[1] },
    incoming: { user: incoming[0], value: incoming[1] },
  };
}

function check(given: Given, text: string): void {
  assert.equal(decisionText(told(given), audience), text);
}

describe("a decision in words", () => {
  test("says whose value went before whose, and why", () => {
    check({}, "Mira's “High” went before Jonas's “Low”, because it was written later.");
    check({ winner: "incoming" }, "Jonas's “Low” went before Mira's “High”, because it was written later.");
  });

  test("calls the reader “you”", () => {
    check({ incoming: ["noor", "low"] }, "Mira's “High” went before your “Low”, because it was written later.");
    check(
      { incoming: ["noor", "low"], winner: "incoming" },
      "Your “Low” went before Mira's “High”, because it was written later.",
    );
  });

  test("knows the rule of this board, and quotes the reasons of others", () => {
    const policy = "resolve/author-role";
    check(
      { policy, reason: "what lead writes goes before what member writes" },
      "Mira's “High” went before Jonas's “Low”, because a lead's word goes first.",
    );
    check(
      { policy, reason: "both were written as member; the later write stands" },
      "Mira's “High” went before Jonas's “Low”, because both are members, and it was written later.",
    );
    check(
      { policy: "resolve/other", reason: "the tide was low" },
      "Mira's “High” went before Jonas's “Low”, because the tide was low.",
    );
  });

  test("says what waits for a person, and what a person decided", () => {
    const dates = { field: "dueAt", policy: "review", current: ["mira", null], incoming: ["jonas", null] } as const;
    check({ ...dates, winner: "review" }, "Mira had chosen no date. Neither had seen the other's, so a lead decides.");
    check({ ...dates, winner: "incoming", reason: "tilda decided" }, "For Jonas's no date, not for Mira's no date.");
    check({ ...dates, winner: "merged", value: null }, "For something else: no date.");
    check(
      { ...dates, value: null, reason: "the time was up: that it stays, of 2 values" },
      "Nobody decided in time, so no date stands.",
    );
  });

  test("says of merged fields and of whole cards what the record says", () => {
    check(
      { field: "labels", policy: "set", reason: "the later stands" },
      "Jonas and Mira changed the same thing in the labels: the later stands.",
    );
    check({ field: null, reason: "deleted stays deleted" }, "Deleted stays deleted.");
  });
});
