/** A second application for the engine's tests: one field for every way in which conflicts are settled, and mutators. */
import {
  change,
  collection,
  defineRule,
  defineSchema,
  field,
  forwardOnly,
  priorityOrder,
  review,
  withMutators,
} from "@tidelock/core";

/** Throws, or answers nonsense, when it is told to. */
const fragile = defineRule<string>({
  name: "fragile",
  version: 1,
  decide({ current, incoming }) {
    if (incoming.value === "throw") throw new Error("the rule fell over");
    if (incoming.value === "nonsense") return 5 as unknown as string;
    return `${current.value}+${incoming.value}`;
  },
});

const tables = defineSchema({
  version: 1,
  collections: {
    people: collection({ name: field.string().default("") }, { ids: "server" }),
    deals: collection({
      title: field.string().default(""),
      owner: field.string().default(""),
      /** A person decides, whenever that is. */
      amount: field.integer().default(0).policy(review()),
      /** A person has a minute; then it stays what it was. */
      price: field
        .integer()
        .default(0)
        .policy(review({ dueAfterMs: 60_000 })),
      /** A person has a minute; then the latest stands. */
      offer: field
        .integer()
        .default(0)
        .policy(review({ dueAfterMs: 60_000, onExpiry: "latest" })),
      buyer: field.reference("people").optional().policy(review()),
      state: field
        .enum(["open", "offered", "won"])
        .default("open")
        .policy(forwardOnly(["open", "offered", "won"])),
      rank: field
        .enum(["low", "normal", "high"])
        .default("low")
        .policy(priorityOrder(["low", "normal", "high"])),
      fragile: field.string().default("").policy(fragile),
      labels: field.set(field.string()),
      steps: field.list({ text: field.string(), who: field.reference("people").optional() }),
      votes: field.counter(),
      extra: field.json().optional(),
    }),
    /** A person decides what becomes of one that is changed and deleted. */
    pinned: collection(
      { title: field.string().default(""), amount: field.integer().default(0) },
      { onDelete: "review" },
    ),
    /** Changed and deleted, it stays. */
    lasting: collection(
      { title: field.string().default(""), done: field.boolean().default(false) },
      { onDelete: "update-wins" },
    ),
  },
});

export const deals = withMutators(tables, (mutator) => ({
  /** Writes by what it reads. */
  praise: mutator({
    args: { deal: field.reference("deals"), times: field.integer().default(1) },
    run(tx, { deal, times = 1 }, { refuse }) {
      const known = tx.deals.get(deal);
      if (known === undefined) return refuse("there is no such deal");
      if (known.state === "won") return refuse("the deal is won already");
      tx.deals.update(deal, { title: `${known.title}!`, votes: change.increment(times) });
    },
  }),
  /** Follows one entity to the next. */
  hand: mutator({
    args: { deal: field.reference("deals") },
    run(tx, { deal }, { refuse }) {
      const buyer = tx.deals.get(deal)?.buyer ?? refuse("nobody buys it");
      const person = tx.people.get(buyer) ?? refuse("the buyer is gone");
      tx.deals.update(deal, { owner: person.name });
      tx.people.update(buyer, { name: `${person.name} (owner)` });
    },
  }),
  /** Creates where clients and where the server make ids, and refers to what it creates. */
  open: mutator({
    args: { title: field.string(), buyer: field.reference("people").optional() },
    run(tx, { title, buyer = null }, { user }) {
      const person = buyer ?? tx.people.create({ name: `buyer of ${title}` });
      const deal = tx.deals.create({ title, owner: user ?? "somebody", buyer: person, votes: 1 });
      tx.deals.update(deal, { labels: change.add("new") });
    },
  }),
  /** Sets what a person decides when others disagree. */
  price: mutator({
    args: { deal: field.reference("deals"), amount: field.integer() },
    run: (tx, { deal, amount }) => tx.deals.update(deal, { amount }),
  }),
  nothing: mutator({ args: {}, run: () => {} }),
  careless: mutator({
    args: {},
    run() {
      throw new Error("the mutator fell over");
    },
  }),
}));
