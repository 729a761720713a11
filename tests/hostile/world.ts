/**
 * The world that is attacked: two tenants, two people in each, and what each of them may see. `acme` has Ana, who is
 * honest, and Mallory, who is not; `globex` has Olga, of whom nobody in `acme` may ever receive a byte. Every secret text
 * carries a tag that the wire is searched for.
 */
import { SignJWT } from "jose";
import {
  change,
  collection,
  defineRule,
  defineSchema,
  field,
  type JsonValue,
  review,
  withMutators,
} from "@tidelock/core";

const NOTHING: unknown = null;
const THEN = ["th", "en"].join("");

function loop(): never {
  for (;;);
}

/** Whose value stands; on request, a rule that does what no rule should. */
const wild = defineRule<JsonValue>({
  name: "wild",
  version: 1,
  decide: ({ incoming }) => {
    switch (incoming.value) {
      case "loop":
        return loop();
      case "throw":
        throw new TypeError("the rule threw in /tmp/rule.ts:1");
      case "throw nothing":
        throw NOTHING;
      case "promise":
        return Promise.reject(new Error("late")) as unknown as JsonValue;
      case "nothing":
        return undefined as unknown as JsonValue;
      case "function":
        return (() => 1) as unknown as JsonValue;
      case "circle": {
        const circle: JsonValue[] = [];
        circle.push(circle);
        return circle;
      }
      case "getter":
        return {
          get x(): JsonValue {
            throw new Error("read");
          },
        };
      case "deep":
        return JSON.parse("[".repeat(500) + "]".repeat(500)) as JsonValue;
      case "huge":
        return "x".repeat(3_000_000);
      case "stack": {
        const fall = (): JsonValue => [fall()];
        return fall();
      }
      default:
        return incoming.value;
    }
  },
});

const tables = defineSchema({
  version: 3,
  collections: {
    /** Everybody of the tenant reads and writes these. */
    tasks: collection({
      title: field.string(),
      done: field.boolean().default(false),
      more: field.json().default(null),
      parent: field.reference("tasks").optional(),
    }),
    /** Everybody reads and writes their own only. */
    secrets: collection({ owner: field.string(), text: field.string() }),
    /** Everybody writes them; only those they are for read them. */
    letters: collection({ to: field.string(), text: field.string() }),
    /** The server makes their ids. */
    notes: collection(
      { text: field.string(), kind: field.enum(["plain", "loud"]).default("plain") },
      { ids: "server" },
    ),
    /** Everybody of the tenant writes these, with every kind of field that is merged. */
    boards: collection({
      title: field.string().default(""),
      labels: field.set(field.string()),
      sizes: field.set(field.integer(), { bias: "add" }),
      watchers: field.set(field.reference("tasks")),
      steps: field.list({
        text: field.string().default(""),
        more: field.json().default(null),
        task: field.reference("tasks").optional(),
      }),
      votes: field.counter(),
      used: field.gcounter(),
    }),
    /** Everybody writes them; only their owner reads them. People decide. */
    cases: collection(
      {
        owner: field.string(),
        text: field.string(),
        verdict: field.string().default("").policy(review()),
        level: field
          .integer()
          .default(0)
          .policy(review({ onExpiry: "latest" })),
        labels: field.set(field.string()),
        steps: field.list({ text: field.string() }),
      },
      { onDelete: "review" },
    ),
    /** The same, and updates bring them back. */
    drafts: collection(
      { owner: field.string(), text: field.string(), labels: field.set(field.string()) },
      { onDelete: "update-wins" },
    ),
    /** Everybody reads and writes their own only. */
    vaults: collection({
      owner: field.string(),
      text: field.string().default("").policy(review()),
      votes: field.counter(),
      labels: field.set(field.string()),
      steps: field.list({ text: field.string() }),
    }),
    /** Everybody reads, writes and reviews them. */
    trials: collection({
      text: field.string().default("").policy(review()),
      more: field.json().default(null).policy(review()),
    }),
    /** A rule settles it, as the incoming value says. */
    ruled: collection({ value: field.json().default(null).policy(wild) }),
    /** The rules of this one break. */
    broken: collection({ text: field.string() }),
  },
});

export const schema = withMutators(tables, (mutator) => ({
  /** Writes with the rights of whoever calls it. */
  label: mutator({
    args: { vault: field.string(), label: field.string() },
    run: (tx, { vault, label }) => tx.vaults.update(vault, { labels: change.add(label) }),
  }),
  /** Does what its argument says. */
  wild: mutator({
    args: { how: field.string(), task: field.string().default(""), more: field.json().default(null) },
    run(tx, { how, task: id = "", more = null }, context) {
      switch (how) {
        case "title":
          return tx.tasks.update(id, { title: String(more) });
        case "create":
          return void tx.tasks.create({ id, title: "called", more });
        case "note":
          return void tx.notes.create({ text: "called" });
        case "loop":
          return loop();
        case "throw":
          throw new TypeError("the mutator threw in /tmp/mutator.ts:1");
        case "throw nothing":
          throw NOTHING;
        case "refuse":
          return context.refuse("no ".repeat(10_000));
        case "refuse and go on":
          try {
            context.refuse("no");
          } catch {}
          return tx.tasks.update(id, { title: "went on" });
        case "promise":
          return Promise.reject(new Error("late")) as unknown as void;
        case "thenable":
          return Object.fromEntries([[THEN, () => void context.refuse("then")]]) as unknown as void;
        case "later":
          tx.tasks.update(id, { title: "now" });
          return void setTimeout(() => {
            try {
              tx.tasks.update(id, { title: "later" });
            } catch {}
          }, 1);
        case "many":
          for (let count = 0; count < 10_000; count++) tx.tasks.create({ id: `${id}-${count}`, title: "many" });
          return;
        case "many, caught":
          for (let count = 0; count < 10_000; count++) {
            try {
              tx.tasks.update(id, { title: `${count}` });
            } catch {}
          }
          return;
        case "change what it reads": {
          const task = tx.tasks.get(id) as unknown as Record<string, unknown>;
          task["title"] = "changed in place";
          (task["more"] as Record<string, unknown>)["x"] = "changed in place";
          return;
        }
        case "read odd ids":
          for (const odd of ["", "__proto__", "../x", "tmp:a:1", "x".repeat(200)]) {
            try {
              tx.tasks.get(odd);
            } catch {}
          }
          return;
        case "read a thousand":
          for (let count = 0; count < 1_000; count++) tx.tasks.get(`${id}-${count}`);
          return;
        case "odd values":
          return tx.tasks.update(id, { title: (() => 1) as unknown as string });
        case "system":
          return (tx as unknown as Record<string, typeof tx.tasks>)["tidelock.reviews"]?.update(id, { title: "x" });
        default:
          return;
      }
    },
  }),
}));

export const SECRET = "a secret that the attacker does not know, and long enough";
/** In everything that Olga's tenant writes, names or says. */
export const FOREIGN = "Xq7FOREIGNz4";
/** In everything of Ana's that Mallory, of the same tenant, may not read. */
export const HIDDEN = "Wk3HIDDENv9";

export interface Person {
  readonly tenant: string;
  readonly user: string;
}
export const ANA: Person = { tenant: "acme", user: "ana" };
export const MALLORY: Person = { tenant: "acme", user: "mallory" };
export const OLGA: Person = { tenant: `globex-${FOREIGN}`, user: `olga-${FOREIGN}` };

export function tokenOf({ tenant, user }: Person, expires: number | string = "2h"): Promise<string> {
  return new SignJWT({ tenant })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(SECRET));
}
