/** What the application of `schema.ts` declares, again and in other words: the model must not ask the engine's schema. */
import type { JsonObject, JsonValue } from "@tidelock/core";
import {
  bothIntervals,
  furtherOf,
  greatestWins,
  higherRole,
  lastOf,
  smallestWins,
  uselessRule,
  type ValuePolicy,
  wordsOfBoth,
} from "./model-field.ts";
import type { Bias } from "./model-merge.ts";

export type FieldWords = { readonly default: JsonValue } & (
  | { readonly policy: "value"; readonly rule: ValuePolicy }
  | { readonly policy: "set"; readonly bias: Bias }
  | { readonly policy: "list"; readonly defaults: JsonObject }
  | { readonly policy: "counter"; readonly grows: boolean }
);

interface CollectionWords {
  readonly ids: "client" | "server";
  readonly onDelete: "delete-wins" | "update-wins" | "review";
  readonly fields: Readonly<Record<string, FieldWords>>;
}

const lww = (value: JsonValue): FieldWords => ({ policy: "value", default: value, rule: { kind: "lww" } });
const ruled = (
  value: JsonValue,
  name: string,
  decide: Extract<ValuePolicy, { kind: "rule" }>["decide"],
  version: number = 1,
): FieldWords => ({
  policy: "value",
  default: value,
  rule: { kind: "rule", name, version, decide },
});
const reviewed = (
  value: JsonValue,
  dueAfterMs: number | null = null,
  onExpiry: "keep" | "latest" = "keep",
): FieldWords => ({
  policy: "value",
  default: value,
  rule: { kind: "review", dueAfterMs, onExpiry },
});
const set = (bias: Bias = "remove"): FieldWords => ({ policy: "set", default: [], bias });
const list: FieldWords = { policy: "list", default: [], defaults: { done: false } };
const counter = (grows: boolean = false): FieldWords => ({ policy: "counter", default: 0, grows });

const state = ruled("open", "forward-only", furtherOf(["open", "doing", "checked", "done"]));

export const COLLECTIONS: Readonly<Record<string, CollectionWords>> = {
  things: {
    ids: "client",
    onDelete: "delete-wins",
    fields: {
      title: lww(""),
      extra: lww(null),
      labels: set(),
      stars: set("add"),
      steps: list,
      votes: counter(),
      usage: counter(true),
      high: ruled(0, "greatest", greatestWins),
      low: ruled(null, "smallest", smallestWins),
      priority: ruled("low", "priority-order", lastOf(["low", "normal", "high", "urgent"])),
      state,
      hours: ruled([], "union-of-intervals", bothIntervals),
      owner: ruled("", "author-role", higherRole(["guest", "member", "lead"])),
      motto: ruled("", "both-texts", wordsOfBoth, 3),
      broken: ruled("", "throwing", uselessRule),
      silly: ruled(0, "talking-nonsense", uselessRule),
      price: reviewed(0),
      slogan: reviewed("", 20_000, "latest"),
      budget: reviewed(0, 20_000, "keep"),
    },
  },
  plans: {
    ids: "client",
    onDelete: "update-wins",
    fields: { title: lww(""), labels: set(), votes: counter(), steps: list, state, price: reviewed(0) },
  },
  deals: {
    ids: "client",
    onDelete: "review",
    fields: {
      title: lww(""),
      labels: set(),
      votes: counter(),
      high: ruled(0, "greatest", greatestWins),
      price: reviewed(0),
    },
  },
  cards: { ids: "server", onDelete: "delete-wins", fields: { title: lww(""), parent: lww(null), friends: set() } },
};

/** A mutation that cannot be; its message is the code. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

export function titleRefused(row: JsonObject | null, collection: string): boolean {
  return collection === "things" && row?.["title"] === "forbidden";
}

export function mayReview(collection: string, role: string | null): boolean {
  return collection !== "things" || role === "lead";
}

// ── mutators ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What a mutator writes. `new:0` is the first entity that it creates. */
export type Effect = readonly ["create" | "update" | "delete", collection: string, entity: string, fields: JsonObject];
type MutatorWords = (
  args: JsonObject,
  get: (collection: string, id: string) => JsonObject | null,
  write: (effect: Effect) => void,
) => void;

export const MUTATORS: Readonly<Record<string, MutatorWords>> = {
  close: ({ thing }, get, write) => {
    const known = get("things", String(thing));
    if (known === null || known["state"] === "done") throw new Refusal("mutator-refused");
    const fields = {
      state: "done",
      title: `${String(known["title"])}!`,
      votes: { add: 1 },
      labels: { add: ["closed"] },
    };
    write(["update", "things", String(thing), fields]);
  },
  bid: ({ thing, amount }, _get, write) =>
    write(["update", "things", String(thing), { price: amount ?? 0, high: amount ?? 0 }]),
  spawn: ({ title }, _get, write) => {
    write(["create", "cards", "new:0", { title: title ?? "" }]);
    write(["create", "cards", "new:1", { title: `${String(title)}'s child`, parent: "new:0" }]);
    write(["update", "cards", "new:0", { title: `${String(title)}, a parent` }]);
  },
  sweep: ({ plan }, _get, write) => write(["delete", "plans", String(plan), {}]),
  shout: ({ plan }, get, write) => {
    const known = get("plans", String(plan));
    if (Number(known?.["votes"] ?? 0) < 0) throw new Refusal("mutator-failed");
    write(["update", "plans", String(plan), { title: String(known?.["title"] ?? "").toUpperCase() }]);
  },
};
