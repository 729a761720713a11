/**
 * The planted bugs of the conflict engine: what is held, merged, decided and called goes wrong in one place each. Like
 * those of `mutants.ts` they bend what crosses the border of an engine, or the declarations that it is given.
 */
import {
  type CollectionSchema,
  type DomainEvent,
  encodeEvent,
  type FieldSchema,
  type JsonObject,
  type JsonValue,
  MARK,
  REVIEWS,
  REVIEWS_SCHEMA,
  type ResultRow,
  type Rule,
  type Schema,
  type ServerMessage,
} from "@tidelock/core";
import type { HubEffect, HubInput } from "@tidelock/server/engine";
import type { MakeMutant, Mutant } from "./mutant.ts";
import { storageWith } from "./storage-model.ts";

type Append = Extract<HubEffect, { type: "append" }>;
type Event = DomainEvent & { readonly row: readonly JsonValue[] };

// ── the log ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Bends events on their way to the disk, and with them the entities and decisions that are stored beside them. */
function events(name: string, bend: (event: Event, columns: Columns) => DomainEvent): MakeMutant {
  return () => {
    const columns: Columns = new Map();
    return {
      name,
      hubEffects: (effects) =>
        effects.map((effect) => {
          if (effect.type !== "append") return effect;
          for (const [collection, list] of effect.commit.columns) columns.set(collection, list);
          return bent(effect, (event) => (event.row === null ? event : bend({ ...event, row: event.row }, columns)));
        }),
    };
  };
}

type Columns = Map<string, readonly string[]>;

function bent(effect: Append, bend: (event: DomainEvent) => DomainEvent): HubEffect {
  const bentEvents = effect.events.map(bend);
  const rowOf = (event: DomainEvent): string | null => (event.row === null ? null : JSON.stringify(event.row));
  const { commit } = effect;
  return {
    ...effect,
    events: bentEvents,
    commit: {
      ...commit,
      events: bentEvents.map((event) => {
        return { offset: event.offset, remaining: event.remaining, body: encodeEvent(event, rowOf(event)) };
      }),
      entities: commit.entities.map((stored) => {
        const event = bentEvents.find(({ offset }) => offset === stored.at);
        return event === undefined ? stored : { ...stored, row: rowOf(event) };
      }),
      decisions: bentEvents.flatMap(({ offset, collection, entity, time, decisions }) =>
        decisions.map((decision, index) => {
          const { field, policy, winner } = decision;
          return { offset, index, collection, entity, field, policy, winner, time, body: JSON.stringify(decision) };
        }),
      ),
    },
  };
}

/** The event with another value in a column; `undefined` leaves it as it was before the event. */
function withColumn(event: Event, columns: Columns, name: string, value?: JsonValue): DomainEvent {
  const before = event.was[event.changed.indexOf(name)];
  const position = columns.get(event.collection)?.indexOf(name) ?? -1;
  const next = value ?? before;
  if (position < 0 || next === undefined) return event;
  return { ...event, row: event.row.map((old, index) => (index === position ? next : old)) };
}

function reviewColumn(event: Event, columns: Columns, name: string): JsonValue {
  return event.row[columns.get(REVIEWS)?.indexOf(name) ?? -1] ?? null;
}

// ── declarations ───────────────────────────────────────────────────────────────────────────────────────────────────

/** The schema with other collections. */
function withCollections(schema: Schema, change: (collection: CollectionSchema) => CollectionSchema): Schema {
  return {
    ...schema,
    collections: new Map([...schema.collections].map(([name, collection]) => [name, change(collection)])),
  };
}

function withFields(schema: Schema, change: (field: FieldSchema) => FieldSchema): Schema {
  return withCollections(schema, (collection) => {
    const fields = collection.fields.map(change);
    return { ...collection, fields, byName: new Map(fields.map((field) => [field.name, field])) };
  });
}

function withRules(schema: Schema, change: (rule: Rule) => Rule): Schema {
  return withFields(schema, (field) => {
    const { policy } = field;
    return policy.kind === "resolve" ? { ...field, policy: { ...policy, rule: change(policy.rule) } } : field;
  });
}

function withMutators(schema: Schema, change: (run: Run) => Run): Schema {
  const mutators = [...schema.mutators].map(
    ([name, mutator]) => [name, { ...mutator, run: change(mutator.run) }] as const,
  );
  return { ...schema, mutators: new Map(mutators) };
}

type Run = NonNullable<ReturnType<Schema["mutators"]["get"]>>["run"];

function hubSchema(name: string, change: (schema: Schema) => Schema): MakeMutant {
  return () => ({ name, hubOptions: (options) => ({ ...options, schema: change(options.schema) }) });
}

/** Mutators that write again what they wrote the first time that they ran for the same call. */
function withoutRebase(schema: Schema): Schema {
  const first = new Map<string, ReadonlyArray<readonly [string, string, readonly unknown[]]>>();
  return withMutators(schema, (run) => (transaction, args, context) => {
    const key = JSON.stringify([context.time, args]);
    const known = first.get(key);
    const sides = transaction as Record<string, Record<string, (...given: unknown[]) => unknown>>;
    if (known !== undefined) {
      for (const [collection, verb, given] of known) sides[collection]?.[verb]?.(...given);
      return undefined;
    }
    const noted: Array<readonly [string, string, readonly unknown[]]> = [];
    const noting = Object.entries(sides).map(([collection, side]) => {
      const verbs = Object.entries(side).map(([verb, act]) => [
        verb,
        (...given: unknown[]) => {
          if (verb !== "get") noted.push([collection, verb, given]);
          return act(...given);
        },
      ]);
      return [collection, Object.fromEntries(verbs)];
    });
    const result = run(Object.fromEntries(noting), args, context);
    first.set(key, noted);
    return result;
  });
}

// ── messages ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Bends the fields of what devices push, on their way to the hub. */
function pushedFields(name: string, bend: (collection: string, fields: JsonObject) => JsonObject): MakeMutant {
  return () => ({
    name,
    hubInput: (input) => {
      if (input.type !== "message" || input.message.type !== "push") return [input];
      const mutations = input.message.mutations.map((row) => {
        const [counter, operation, collection, entity, fields, ...rest] = row;
        return [counter, operation, collection, entity, bend(collection, fields), ...rest] as const;
      });
      return [{ ...input, message: { ...input.message, mutations } }];
    },
  });
}

function withoutConflicts(message: ServerMessage): ServerMessage {
  if (message.type !== "push-result" && message.type !== "welcome") return message;
  const results = message.results.map((row): ResultRow => {
    const [counter, outcome, offset, detail] = row;
    if (detail === undefined) return row;
    const { conflicts: _conflicts, ...rest } = detail;
    return [counter, outcome, offset, rest];
  });
  return { ...message, results };
}

/** Changes whose marks do not arrive: the last column of the collections that have one. */
function withoutMarks(message: ServerMessage, columns: Columns): ServerMessage {
  if (message.type === "welcome") for (const [name, list] of Object.entries(message.columns)) columns.set(name, list);
  if (message.type !== "delta") return message;
  const changes = message.changes.map((change) => {
    if (change[0] !== 1) return change;
    const mark = columns.get(change[1])?.indexOf(MARK) ?? -1;
    const patch: JsonValue[] = [];
    for (let index = 0; index + 1 < change[4].length; index += 2) {
      if (change[4][index] !== mark) patch.push(change[4][index] ?? null, change[4][index + 1] ?? null);
    }
    return [change[0], change[1], change[2], change[3], patch] as const;
  });
  return { ...message, changes };
}

/** A hub that a rule of the application takes with it: from then on it hears nothing. */
const rulesKill: MakeMutant = () => {
  let isDead = false;
  const limit = <Result>(run: () => Result): Result => {
    try {
      return run();
    } catch (error) {
      isDead ||= error instanceof Error && error.message === "the rule fell over";
      throw error;
    }
  };
  return {
    name: "a rule's throw kills the hub",
    hubOptions: (options) => ({ ...options, limit }),
    hubInput: (input): readonly HubInput[] => (isDead ? [] : [input]),
  };
};

/** Reviews that were read from the disk are open again. */
const decidesTwice: MakeMutant = () => {
  const place = (name: string): number => REVIEWS_SCHEMA.fields.findIndex((field) => field.name === name);
  const [status, outcome, closedAt] = [place("status"), place("outcome"), place("closedAt")];
  const reopened = (row: string): string => {
    const values = JSON.parse(row) as JsonValue[];
    return JSON.stringify(
      values.map((value, index) =>
        index === status ? "open" : index === outcome || index === closedAt ? null : value,
      ),
    );
  };
  const mutant: Mutant = {
    name: "a review decided twice",
    hubOptions: (options) => ({ ...options, bounds: { ...options.bounds, maxCachedEntities: 1 } }),
    storage: (disk) =>
      storageWith(disk, {
        readEntities: (tenant, keys) =>
          disk.readEntities(tenant, keys).map((stored) => {
            return stored.collection === REVIEWS && stored.row !== null
              ? { ...stored, row: reopened(stored.row) }
              : stored;
          }),
      }),
  };
  return mutant;
};

/** People have half the time that the log says. */
const expiresEarly: MakeMutant = () => {
  const lengthened = events("a review expires early", (event, columns) => {
    const due = reviewColumn(event, columns, "due");
    const opened = reviewColumn(event, columns, "openedAt");
    if (event.collection !== REVIEWS || event.kind !== "created" || typeof due !== "number") return event;
    return withColumn(event, columns, "due", Number(opened) + 2 * (due - Number(opened)));
  })();
  const shortened = hubSchema("", (schema) =>
    withFields(schema, (field) => {
      const { policy } = field;
      if (policy.kind !== "review" || policy.dueAfterMs === null) return field;
      return { ...field, policy: { ...policy, dueAfterMs: policy.dueAfterMs / 2 } };
    }),
  )();
  return { ...shortened, ...lengthened };
};

// ── the list ───────────────────────────────────────────────────────────────────────────────────────────────────────

export const CONFLICT_MUTANTS: readonly MakeMutant[] = [
  // Reviews.
  events("a join drops a candidate", (event, columns) => {
    const candidates = event.collection === REVIEWS ? reviewColumn(event, columns, "candidates") : null;
    if (!Array.isArray(candidates) || candidates.length < 3) return event;
    return withColumn(event, columns, "candidates", [...candidates.slice(0, -2), ...candidates.slice(-1)]);
  }),
  decidesTwice,
  expiresEarly,
  events("a mark is not cleared", (event, columns) => {
    const mark = event.row[columns.get(event.collection)?.indexOf(MARK) ?? -1] ?? null;
    return mark === null && event.changed.includes(MARK) ? withColumn(event, columns, MARK) : event;
  }),
  events("a review does not follow its entity", (event, columns) => {
    return event.collection === REVIEWS && event.kind === "updated" ? withColumn(event, columns, "row") : event;
  }),
  events("a value that lost is in no record", (event) => {
    return { ...event, decisions: event.decisions.filter(({ winner }) => winner !== "incoming") };
  }),
  events("a decision writes over what the field has and says that it stays", (event, columns) => {
    const decided = event.decisions.find(({ policy, winner }) => policy === "review" && winner === "incoming");
    const field = decided?.field ?? null;
    return field === null ? event : withColumn(event, columns, field);
  }),
  () => ({
    name: "everybody may review",
    hubOptions: (options) => {
      const { review: _review, ...rest } = options.rules?.["cases"] ?? {};
      return { ...options, rules: { ...options.rules, cases: rest } };
    },
  }),
  hubSchema("terms of a review taken for others", (schema) =>
    withFields(schema, (field) => {
      const { policy } = field;
      if (policy.kind !== "review") return field;
      return { ...field, policy: { ...policy, onExpiry: policy.onExpiry === "keep" ? "latest" : "keep" } };
    }),
  ),
  () => {
    const columns: Columns = new Map();
    return { name: "marks do not arrive", down: (message) => [withoutMarks(message, columns)] };
  },
  () => ({ name: "conflicts told to nobody", down: (message) => [withoutConflicts(message)] }),

  // Rules and merges.
  rulesKill,
  hubSchema("claims of the wrong side", (schema) =>
    withRules(schema, (rule) => ({
      ...rule,
      decide: ({ current, incoming, ...question }) =>
        rule.decide({
          ...question,
          current: { ...current, claims: incoming.claims },
          incoming: { ...incoming, claims: current.claims },
        }),
    })),
  ),
  hubSchema("an update does not bring back what was deleted", (schema) =>
    withCollections(schema, (collection) => {
      return collection.onDelete === "update-wins" ? { ...collection, onDelete: "delete-wins" } : collection;
    }),
  ),
  hubSchema("a set prefers the other way", (schema) =>
    withFields(schema, (field) => {
      const { policy } = field;
      if (policy.kind !== "set") return field;
      return { ...field, policy: { ...policy, bias: policy.bias === "add" ? "remove" : "add" } };
    }),
  ),
  pushedFields("additions counted twice", (collection, fields) => {
    const votes = fields["votes"];
    if (collection !== "boards" || typeof votes !== "object" || votes === null || !("add" in votes)) return fields;
    return { ...fields, votes: { add: 2 * Number(votes["add"]) } };
  }),
  pushedFields("an addition to a set taken for the whole set", (collection, fields) => {
    const labels = fields["labels"];
    if (collection !== "boards" || typeof labels !== "object" || labels === null || !("add" in labels)) return fields;
    return { ...fields, labels: labels["add"] ?? [] };
  }),
  pushedFields("items moved to the front", (collection, fields) => {
    const steps = fields["steps"];
    if (collection !== "boards" || typeof steps !== "object" || steps === null || !("ops" in steps)) return fields;
    const ops = Array.isArray(steps["ops"]) ? steps["ops"] : [];
    const bentOps = ops.map((op: JsonValue) => {
      return Array.isArray(op) && op[0] === "insert" ? [op[0], op[1] ?? null, null, op[3] ?? null] : op;
    });
    return { ...fields, steps: { ops: bentOps } };
  }),

  // Calls, and what cannot be read.
  () => ({ name: "calls not run again", replicaSchema: withoutRebase }),
  hubSchema("calls run as nobody", (schema) =>
    withMutators(
      schema,
      (run) => (transaction, args, context) => run(transaction, args, { ...context, user: null, claims: {} }),
    ),
  ),
  hubSchema("a refusal of a mutator does not end it", (schema) =>
    withMutators(
      schema,
      (run) => (transaction, args, context) => run(transaction, args, { ...context, refuse: () => undefined as never }),
    ),
  ),
  () => ({
    name: "empty places not sent",
    up: (message) => {
      if (message.type !== "push") return [message];
      const mutations = message.mutations.filter(([, operation]) => operation !== "void");
      return mutations.length === 0 ? [] : [{ ...message, mutations }];
    },
  }),
  () => ({
    name: "what was set aside unread is lost",
    store: (disk) => ({
      read: () => disk.read(),
      apply: (batch) => disk.apply({ ...batch, putMutations: batch.putMutations.filter(({ counter }) => counter > 0) }),
    }),
  }),
];
