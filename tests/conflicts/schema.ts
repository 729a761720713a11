/**
 * The application whose conflicts are tested: a field for every policy, a collection for every `onDelete`, rules that
 * behave and rules that do not, mutators, and who may review. The model (`model.ts`) says the same in its own words.
 */
import {
  authorRole,
  because,
  collection,
  defineRule,
  defineSchema,
  field,
  forwardOnly,
  greatest,
  type JsonObject,
  priorityOrder,
  review,
  type Schema,
  smallest,
  unionOfIntervals,
  withMutators,
} from "@tidelock/core";
import type { Rules } from "@tidelock/server/engine";

export const PRIORITIES = ["low", "normal", "high", "urgent"] as const;
export const STATES = ["open", "doing", "checked", "done"] as const;
export const ROLES = ["guest", "member", "lead"] as const;
/** How long a person has for a price and for a slogan. */
export const REVIEW_MS = 20_000;

/** Both texts' words, sorted: neither side's value. */
const bothTexts = defineRule<string>({
  name: "both-texts",
  version: 3,
  decide: ({ current, incoming }) => {
    const words = new Set(`${current.value} ${incoming.value}`.split(" "));
    return because([...words].sort().join(" "), "the words of both are kept");
  },
});
const throwing = defineRule<string>({
  name: "throwing",
  version: 1,
  decide: () => {
    throw new Error("this rule fell over");
  },
});
const talkingNonsense = defineRule<number>({
  name: "talking-nonsense",
  version: 1,
  decide: () => "nonsense" as unknown as number,
});

const tables = defineSchema({
  version: 1,
  collections: {
    /** A field for every policy; delete wins. */
    things: collection({
      title: field.string().default(""),
      extra: field.json().optional(),
      labels: field.set(field.string()),
      stars: field.set(field.string(), { bias: "add" }),
      steps: field.list({ text: field.string(), done: field.boolean().default(false) }),
      votes: field.counter(),
      usage: field.gcounter(),
      high: field.integer().default(0).policy(greatest()),
      low: field.integer().optional().policy(smallest<number | null>()),
      priority: field.enum(PRIORITIES).default("low").policy(priorityOrder(PRIORITIES)),
      state: field.enum(STATES).default("open").policy(forwardOnly(STATES)),
      hours: field.json<ReadonlyArray<readonly [number, number]>>().default([]).policy(unionOfIntervals()),
      owner: field
        .string()
        .default("")
        .policy(authorRole({ claim: "role", order: ROLES })),
      motto: field.string().default("").policy(bothTexts),
      broken: field.string().default("").policy(throwing),
      silly: field.integer().default(0).policy(talkingNonsense),
      price: field.integer().default(0).policy(review()),
      slogan: field
        .string()
        .default("")
        .policy(review({ dueAfterMs: REVIEW_MS, onExpiry: "latest" })),
      budget: field
        .integer()
        .default(0)
        .policy(review({ dueAfterMs: REVIEW_MS, onExpiry: "keep" })),
    }),
    /** Updates win over deletes. */
    plans: collection(
      {
        title: field.string().default(""),
        labels: field.set(field.string()),
        votes: field.counter(),
        steps: field.list({ text: field.string(), done: field.boolean().default(false) }),
        state: field.enum(STATES).default("open").policy(forwardOnly(STATES)),
        price: field.integer().default(0).policy(review()),
      },
      { onDelete: "update-wins" },
    ),
    /** A person decides between an update and a delete. */
    deals: collection(
      {
        title: field.string().default(""),
        labels: field.set(field.string()),
        votes: field.counter(),
        high: field.integer().default(0).policy(greatest()),
        price: field.integer().default(0).policy(review()),
      },
      { onDelete: "review" },
    ),
    /** The server assigns the ids. */
    cards: collection(
      {
        title: field.string().default(""),
        parent: field.reference("cards").optional(),
        friends: field.set(field.reference("cards")),
      },
      { ids: "server" },
    ),
  },
});

export const schema: Schema = withMutators(tables, (mutator) => ({
  /** Reads, then writes; refuses what is done. */
  close: mutator({
    args: { thing: field.reference("things") },
    run(tx, { thing }, { refuse }) {
      const known = tx.things.get(thing);
      if (known === undefined) return refuse("there is no such thing");
      if (known.state === "done") refuse("it is done already");
      tx.things.update(thing, {
        state: "done",
        title: `${known.title}!`,
        votes: { add: 1 },
        labels: { add: ["closed"] },
      });
    },
  }),
  /** Writes a field that may wait for a review. */
  bid: mutator({
    args: { thing: field.reference("things"), amount: field.integer() },
    run(tx, { thing, amount }) {
      tx.things.update(thing, { price: amount, high: amount });
    },
  }),
  /** Creates two entities of which one refers to the other, and updates the first. */
  spawn: mutator({
    args: { title: field.string() },
    run(tx, { title }) {
      const parent = tx.cards.create({ title });
      tx.cards.create({ title: `${title}'s child`, parent });
      tx.cards.update(parent, { title: `${title}, a parent` });
    },
  }),
  /** Deletes whatever others have written. */
  sweep: mutator({
    args: { plan: field.reference("plans") },
    run(tx, { plan }) {
      tx.plans.delete(plan);
    },
  }),
  /** Falls over when it meets what it does not like. */
  shout: mutator({
    args: { plan: field.reference("plans") },
    run(tx, { plan }) {
      const known = tx.plans.get(plan);
      if ((known?.votes ?? 0) < 0) throw new Error("less than nothing");
      tx.plans.update(plan, { title: (known?.title ?? "").toUpperCase() });
    },
  }),
}));

/** Only leads may review things; plans and deals anybody may. Nobody may write this title. */
export const FORBIDDEN = "forbidden";
const mayReview = (claims: JsonObject): boolean => claims["role"] === "lead";
export const rules: Rules = {
  things: {
    write: (_, { after }) => after?.["title"] !== FORBIDDEN || "such titles are not allowed",
    review: ({ claims }) => mayReview(claims),
  },
};
