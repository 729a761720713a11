/**
 * The application that the simulated devices share, as the engines are given it: its schema, its mutators and its rules.
 * `readings.ts` says the same in the plainest words, for the reference model; the two are written apart on purpose.
 */
import {
  askSomeone,
  authorRole,
  because,
  collection,
  defineRule,
  defineSchema,
  field,
  forwardOnly,
  type Review,
  review,
  type Rule,
  type RuleQuestion,
  type RuleSide,
  type Schema,
  type Verdict,
  withMutators,
} from "@tidelock/core";
import type { Rules } from "@tidelock/server/engine";

export type Role = "admin" | "member" | "guest";
export const ROLES: readonly Role[] = ["admin", "member", "guest"];

/** Titles that write rules do not take. */
export const FORBIDDEN_TITLE = "forbidden";
export const EXPLODING_TITLE = "explode";
/** A note on a review that makes the rule for its reviewers throw. */
export const EXPLODING_NOTE = "explode";
/** A price that no case may have. */
export const FORBIDDEN_PRICE = 13;
/** Votes that no board may come to. */
export const FEWEST_VOTES = -5;
/** What the server's gateway cannot read, wherever it stands in a push. */
export const UNREADABLE = "unreadable";

/** How long people have to decide. */
export const PRICE_DUE_MS = 8_000;
export const RULING_DUE_MS = 20_000;
export const GRADE_DUE_MS = 5_000;

/** A rule with everything that can go wrong in one: it throws, answers nonsense, asks a person, or makes a third value. */
const moody: Rule<number> = defineRule<number>({
  name: "moody",
  version: 3,
  claims: ["role"],
  decide: ({ base, current, incoming }: RuleQuestion<number>): number | Verdict<number> => {
    const mood = Math.abs(current.value + incoming.value) % 7;
    if (mood === 0) throw new Error("the rule fell over");
    if (mood === 1) return "nonsense" as unknown as number;
    if (mood === 2) return askSomeone("the rule does not know");
    if (mood === 3) return because(current.value + incoming.value + (base ?? 0), "the rule adds it up");
    const [left, right] = [rankOf(current), rankOf(incoming)];
    const isCurrent = left === right ? current.isLater : left > right;
    const side = isCurrent ? "current" : "incoming";
    return because(isCurrent ? current.value : incoming.value, "the rule looks at people", side);
  },
});

function rankOf({ claims }: RuleSide<number>): number {
  return ["guest", "member", "admin"].indexOf(String(claims["role"]));
}

const tables = defineSchema({
  version: 1,
  collections: {
    /** Clients make the ids; read rule; write rule that refuses and throws. */
    notes: collection({
      title: field.string(),
      body: field.string().default(""),
      priority: field.integer().default(0),
      done: field.boolean().default(false),
      owner: field.string(),
      visibility: field.enum(["public", "private"]).default("public"),
      extra: field.json().optional(),
    }),
    /** The server assigns the ids; references; a state that only moves forward. */
    tasks: collection(
      {
        title: field.string(),
        state: field.enum(["open", "doing", "closed"]).default("open"),
        points: field.number().default(0),
        note: field.reference("notes").optional(),
        parent: field.reference("tasks").optional(),
      },
      { ids: "server" },
    ),
    /** Open to everyone: the accounts that transactions move values between. */
    marks: collection({ value: field.integer().default(0), token: field.string().default("") }),
    /** What people and rules decide; the read rule of notes, which their reviews must follow. */
    cases: collection(
      {
        title: field.string(),
        owner: field.string(),
        visibility: field.enum(["public", "private"]).default("public"),
        price: field
          .integer()
          .default(0)
          .policy(review({ dueAfterMs: PRICE_DUE_MS, onExpiry: "latest" })),
        ruling: field
          .string()
          .default("")
          .policy(review({ dueAfterMs: RULING_DUE_MS })),
        verdict: field.enum(["open", "granted", "denied"]).default("open").policy(review()),
        stage: field
          .enum(["draft", "sent", "done"])
          .default("draft")
          .policy(forwardOnly(["draft", "sent", "done"])),
        lead: field
          .string()
          .default("")
          .policy(authorRole<string>({ claim: "role", order: ["guest", "member", "admin"] })),
        mood: field.integer().default(0).policy(moody),
      },
      { onDelete: "review" },
    ),
    /** What is merged by intent. The server assigns the ids, and sets and lists hold them; updates win over deletes. */
    boards: collection(
      {
        name: field.string().default(""),
        parent: field.reference("boards").optional(),
        labels: field.set(field.string()),
        tags: field.set(field.enum(["red", "green", "blue", "grey"]), { bias: "add" }),
        members: field.set(field.reference("boards")),
        steps: field.list({
          text: field.string(),
          done: field.boolean().default(false),
          link: field.reference("boards").optional(),
        }),
        votes: field.counter(),
        usage: field.gcounter(),
        grade: field
          .integer()
          .default(0)
          .policy(review({ dueAfterMs: GRADE_DUE_MS, onExpiry: "latest" })),
      },
      { ids: "server", onDelete: "update-wins" },
    ),
  },
});

export const schema: Schema = withMutators(tables, (mutator) => ({
  /** Reads and writes one entity, and refuses what would be too much. */
  addValue: mutator({
    args: { mark: field.reference("marks"), by: field.integer() },
    run(tx, { mark, by }, { refuse }) {
      const known = tx.marks.get(mark);
      if (known === undefined) return refuse("there is no such mark");
      if (known.value + by > 40) refuse("that is too much");
      tx.marks.update(mark, { value: known.value + by });
    },
  }),
  /** Makes an entity from what it reads of another, which it closes. */
  openCase: mutator({
    args: { note: field.reference("notes"), title: field.string(), price: field.integer().default(0) },
    run(tx, { note, title, price }, { user }) {
      const known = tx.notes.get(note);
      tx.cases.create({
        title: `${title} of ${known?.title ?? "nothing"}`,
        owner: user ?? "nobody",
        price: price ?? 0,
      });
      if (known !== undefined && !known.done) tx.notes.update(note, { done: true });
    },
  }),
  /** Makes an entity whose id the server would assign, and changes others with changes that are merged. */
  gather: mutator({
    args: { boards: field.set(field.reference("boards")), name: field.string(), grade: field.integer().default(0) },
    run(tx, { boards, name, grade }, { refuse, location, claims }) {
      if (location === "server" && claims["role"] === "guest") refuse("guests gather nothing");
      const made = tx.boards.create({ name, members: boards ?? [], votes: 1 });
      for (const board of boards ?? []) {
        const known = tx.boards.get(board);
        if (known === undefined) continue;
        tx.boards.update(board, { votes: { add: 1 }, members: { add: [made] }, grade: grade ?? 0 });
      }
    },
  }),
  /** Goes wrong, on the server only: by throwing, by a write that does not fit, by refusing. */
  stumble: mutator({
    args: { mark: field.reference("marks"), step: field.integer() },
    run(tx, { mark, step }, { location, refuse }) {
      tx.marks.update(mark, { token: `stumbled ${step}` });
      if (location === "device") return;
      if (step % 3 === 0) throw new Error("the mutator fell over");
      if (step % 3 === 1) tx.marks.update(mark, { value: "much" as unknown as number });
      refuse("not here");
    },
  }),
}));

/** The read rule of notes and cases. */
const mayRead: NonNullable<NonNullable<Rules[string]>["read"]> = ({ user, claims }) => {
  if (claims["role"] === "admin") return true;
  if (claims["role"] === "guest") return { visibility: "public" };
  return { or: [{ visibility: "public" }, { owner: user }] };
};

/** The rules as the server is given them. */
export const rules: Rules = {
  notes: {
    read: mayRead,
    write: (_context, { after }) => {
      if (after?.["title"] === EXPLODING_TITLE) throw new Error("the rule fell over");
      return after?.["title"] === FORBIDDEN_TITLE ? "such titles are not allowed" : true;
    },
  },
  tasks: {
    write: (_context, { before, after }) =>
      before?.["state"] !== "closed" || after === null || after["state"] === "closed" || "closed stays closed",
  },
  cases: {
    read: mayRead,
    write: (_context, { after }) => after?.["price"] !== FORBIDDEN_PRICE || "nobody wants that price",
    review: ({ claims }, { review: { note } }: { readonly review: Review }) => {
      if (note === EXPLODING_NOTE) throw new Error("the rule fell over");
      return claims["role"] !== "guest" || "guests do not decide";
    },
  },
  boards: {
    write: (_context, { after }) => after === null || Number(after["votes"]) >= FEWEST_VOTES || "too few votes",
  },
};
