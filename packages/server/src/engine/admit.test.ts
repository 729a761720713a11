/**
 * Admission against an oracle that is naive on purpose: it remembers who has seen which event as a plain set, and settles
 * every field by looking at that set. Random histories of three devices on two entities; whatever they do, both agree.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  collection,
  decodeEvent,
  defineSchema,
  type DeviceId,
  type DomainEvent,
  encodeEvent,
  type EntityState,
  field,
  type JsonValue,
  makeStamp,
  MAX_VECTOR_DOTS,
  type Mutation,
  nextStamp,
  parseDeviceId,
  parseEntityId,
  parseTenantId,
  parseUserId,
  type Stamp,
  UNLIMITED,
} from "@tidelock/core";
import fc from "fast-check";
import type { Candidate } from "./admission.ts";
import { type Admission, admitTransaction } from "./admit.ts";
import { decodeEntity, encodeEntity, encodeRow } from "./entity-codec.ts";

const FIELDS = ["title", "done", "extra"] as const;
const COLUMNS: readonly string[] = FIELDS;
const DEFAULTS: readonly JsonValue[] = ["", false, null];
const schema = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string().default(""),
      done: field.boolean().default(false),
      extra: field.json().optional(),
    }),
  },
});

function must<Value>(value: Value | null): Value {
  if (value === null) throw new Error("a fixture is wrong");
  return value;
}
const DEVICES = ["a", "b", "c"].map((name) => must(parseDeviceId(name)));
const ENTITIES = ["e1", "e2"].map((name) => must(parseEntityId(name)));
const ana = must(parseUserId("ana"));

interface Step {
  readonly operation: Mutation["operation"];
  readonly device: number;
  readonly entity: number;
  readonly fields: Readonly<Record<string, JsonValue>>;
  /** How far back the author's sight ends: 0 sees everything. */
  readonly behind: number;
  readonly clock: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  operation: fc.oneof(
    { weight: 1, arbitrary: fc.constant("create" as const) },
    { weight: 8, arbitrary: fc.constant("update" as const) },
    { weight: 1, arbitrary: fc.constant("delete" as const) },
  ),
  device: fc.nat(2),
  entity: fc.nat(1),
  fields: fc
    .record(
      {
        title: fc.constantFrom("", "x", "y", "z", "x", "y", "z", "x", "y", "z", "x", "y", "z", "x", "y", 7),
        done: fc.boolean(),
        extra: fc.constantFrom(null, [1], { b: 1 }),
      },
      {
        requiredKeys: [],
      },
    )
    .map((fields) => fields as Step["fields"]),
  behind: fc.oneof(fc.constant(0), fc.nat(12)),
  clock: fc.oneof(fc.nat(5), fc.constantFrom(0, 2 ** 48 - 1)),
});
const history = fc.array(fc.array(step, { minLength: 1, maxLength: 3, size: "max" }), {
  minLength: 10,
  maxLength: 40,
  size: "max",
});

/** The server as far as admission needs it. */
class Server {
  readonly events: DomainEvent[] = [];
  readonly states = new Map<string, EntityState>();
  readonly counters = new Map<DeviceId, number>();

  candidates(steps: readonly Step[]): Candidate[] {
    const [first] = steps;
    const device = DEVICES[first?.device ?? 0] as DeviceId;
    return steps.map((one, index) => {
      const counter = (this.counters.get(device) ?? 0) + 1;
      this.counters.set(device, counter);
      const seen = Math.max(0, this.events.length - one.behind);
      const stamp = makeStamp(one.clock, 0);
      const mutation: Mutation = {
        counter,
        operation: one.operation,
        collection: "tasks",
        entity: ENTITIES[one.entity] as Mutation["entity"],
        fields: one.operation === "delete" ? {} : one.fields,
        seen,
        stamp,
        remaining: steps.length - 1 - index,
      };
      return {
        mutation,
        seen: { floor: seen, dots: new Map([[device, counter - 1]]) },
        stamp,
        claimed: null,
        assigned: null,
        isExpiry: false,
      };
    });
  }

  admit(candidates: readonly Candidate[], device: DeviceId): Admission {
    const admission = admitTransaction(candidates, {
      device,
      user: ana,
      rule: { tenant: must(parseTenantId("acme")), user: ana, claims: {}, now: 0 },
      rules: {},
      collections: schema.collections,
      columns: new Map([["tasks", COLUMNS]]),
      mutators: new Map(),
      limit: UNLIMITED,
      head: this.events.length,
      now: 0,
      read: (_, id) => this.states.get(id) ?? null,
    });
    if (!admission.ok) return admission;
    this.events.push(...admission.events);
    for (const state of admission.states) this.states.set(state.id, state);
    return admission;
  }
}

// ── the oracle ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface Write {
  readonly offset: number;
  readonly device: DeviceId;
  readonly stamp: Stamp;
  readonly value: JsonValue;
}
interface Thing {
  readonly fields: Map<string, Write>;
  deletedBy: Write | null;
}
interface Verdict {
  /** The fields in conflict, with whether the incoming value wins; `null` stands for the whole entity. */
  readonly conflicts: ReadonlyArray<readonly [string | null, boolean]>;
  /** Values that were given up. */
  readonly lost: readonly JsonValue[];
}

/** Knows all events with their authors, and each thing's last writes. Copied before a transaction that may be refused. */
class Oracle {
  readonly authors: DeviceId[];
  readonly things: Map<string, Thing>;

  constructor(authors: readonly DeviceId[] = [], things: ReadonlyMap<string, Thing> = new Map()) {
    this.authors = [...authors];
    this.things = new Map(
      [...things].map(([id, thing]) => [id, { fields: new Map(thing.fields), deletedBy: thing.deletedBy }]),
    );
  }

  /** The offsets that an author knows: those up to its checkpoint, and all of its own. */
  #known(device: DeviceId, seen: number): Set<number> {
    return new Set(
      this.authors.flatMap((author, index) => (index + 1 <= seen || author === device ? [index + 1] : [])),
    );
  }

  /** What must come of a mutation; `null`: it is refused. Carries it out. */
  judge({ mutation, stamp }: Candidate, device: DeviceId): Verdict | null {
    const known = this.#known(device, mutation.seen);
    const thing = this.things.get(mutation.entity);
    const offset = this.authors.length + 1;
    if (mutation.operation !== "delete" && Object.values(mutation.fields).includes(7)) return null;
    const write = (value: JsonValue, at: Stamp): Write => ({ offset, device, stamp: at, value });
    if (mutation.operation === "create") {
      if (thing !== undefined) return null;
      const fields = FIELDS.map((name, column): [string, Write] => {
        const given = mutation.fields[name];
        return [name, write(given === undefined ? (DEFAULTS[column] ?? null) : given, stamp)];
      });
      this.things.set(mutation.entity, { fields: new Map(fields), deletedBy: null });
      this.authors.push(device);
      return { conflicts: [], lost: [] };
    }
    if (thing === undefined) return null;
    if (thing.deletedBy !== null) {
      if (mutation.operation === "delete") return { conflicts: [], lost: [] };
      if (known.has(thing.deletedBy.offset) || thing.deletedBy.device === device) return null;
      this.authors.push(device);
      return { conflicts: [[null, false]], lost: [{ ...mutation.fields }] };
    }
    const later = (last: Write): Stamp => (stamp > last.stamp ? stamp : nextStamp(last.stamp));
    if (mutation.operation === "delete") {
      const unseen = [...thing.fields].filter(([, last]) => !known.has(last.offset));
      const latest = unseen.map(([, last]) => last).sort((left, right) => right.offset - left.offset)[0];
      thing.deletedBy = write(null, latest === undefined ? stamp : later(latest));
      this.authors.push(device);
      return unseen.length === 0
        ? { conflicts: [], lost: [] }
        : { conflicts: [[null, true]], lost: [Object.fromEntries(unseen.map(([name, last]) => [name, last.value]))] };
    }
    const conflicts: Array<readonly [string, boolean]> = [];
    const lost: JsonValue[] = [];
    for (const [name, value] of Object.entries(mutation.fields)) {
      const last = thing.fields.get(name) as Write;
      if (known.has(last.offset)) {
        thing.fields.set(name, write(value, later(last)));
        continue;
      }
      const wins = stamp > last.stamp || (stamp === last.stamp && device > last.device);
      if (JSON.stringify(last.value) === JSON.stringify(value)) {
        // Nothing is lost; the later of the two writes is the last one.
        if (wins) thing.fields.set(name, write(value, stamp));
        continue;
      }
      conflicts.push([name, wins]);
      lost.push(wins ? last.value : value);
      if (wins) thing.fields.set(name, write(value, stamp));
    }
    this.authors.push(device);
    return { conflicts, lost };
  }

  row(id: string): JsonValue[] | null {
    const thing = this.things.get(id);
    if (thing === undefined || thing.deletedBy !== null) return null;
    return FIELDS.map((name) => thing.fields.get(name)?.value ?? null);
  }
}

/** Plays a history to both; after each transaction `look` may compare what it likes. */
function play(
  transactions: readonly (readonly Step[])[],
  look: (server: Server, oracle: Oracle, admission: Admission, verdicts: readonly (Verdict | null)[]) => void,
): void {
  const server = new Server();
  let oracle = new Oracle();
  for (const steps of transactions) {
    const device = DEVICES[steps[0]?.device ?? 0] as DeviceId;
    const candidates = server.candidates(steps);
    const trial = new Oracle(oracle.authors, oracle.things);
    const verdicts: Array<Verdict | null> = [];
    for (const candidate of candidates) {
      const verdict = trial.judge(candidate, device);
      verdicts.push(verdict);
      if (verdict === null) break;
    }
    const admission = server.admit(candidates, device);
    if (verdicts.every((verdict) => verdict !== null)) oracle = trial;
    look(server, oracle, admission, verdicts);
  }
}

const RUNS = { seed: 20_260_301, numRuns: 400 };

describe("admission", () => {
  test("[H7] the fields that conflict, and who wins them, are those of the oracle", () => {
    let conflicts = 0;
    fc.assert(
      fc.property(history, (transactions) => {
        play(transactions, (_server, _oracle, admission, verdicts) => {
          if (!admission.ok) return;
          const found = admission.results.map(({ conflicts: all }) =>
            all.map(({ field: name, winner }) => [name, winner === "incoming"]),
          );
          assert.deepEqual(
            found,
            verdicts.map((verdict) => verdict?.conflicts),
          );
          conflicts += found.flat().length;
        });
      }),
      RUNS,
    );
    assert.ok(conflicts > 200, `only ${conflicts} conflicts`);
  });

  test("[H7] the state that admission leaves is the oracle's", () => {
    fc.assert(
      fc.property(history, (transactions) => {
        play(transactions, (server, oracle) => {
          for (const id of ENTITIES) assert.deepEqual(server.states.get(id)?.values ?? null, oracle.row(id));
        });
      }),
      RUNS,
    );
  });

  test("[H7] every value that lost is in a decision", () => {
    fc.assert(
      fc.property(history, (transactions) => {
        play(transactions, (_server, _oracle, admission, verdicts) => {
          if (!admission.ok) return;
          for (const [index, { conflicts }] of admission.results.entries()) {
            const losers = conflicts.map(({ winner, current, incoming }) =>
              winner === "incoming" ? current.value : incoming.value,
            );
            assert.deepEqual(losers, verdicts[index]?.lost);
          }
        });
      }),
      RUNS,
    );
  });

  test("[H5] a transaction is admitted whole, or leaves nothing behind", () => {
    let refused = 0;
    fc.assert(
      fc.property(history, (transactions) => {
        let before = 0;
        play(transactions, (server, oracle, admission, verdicts) => {
          const failing = verdicts.indexOf(null);
          assert.equal(admission.ok, failing < 0);
          if (!admission.ok) {
            assert.equal(admission.failing, failing);
            assert.equal(server.events.length, before);
            refused += verdicts.length > 1 ? 1 : 0;
          } else {
            const added = server.events.slice(before);
            assert.deepEqual(
              added.map(({ remaining }) => remaining),
              added.map((_, index) => added.length - 1 - index),
            );
          }
          before = server.events.length;
          assert.equal(before, oracle.authors.length);
        });
      }),
      RUNS,
    );
    assert.ok(refused > 50, `only ${refused} transactions were refused after their first step`);
  });

  test("[H8] nothing brings a deleted entity back", () => {
    let buried = 0;
    fc.assert(
      fc.property(history, (transactions) => {
        const dead = new Set<string>();
        play(transactions, (server) => {
          for (const id of ENTITIES) {
            const state = server.states.get(id);
            if (dead.has(id)) assert.equal(state?.values, null);
            if (state?.values === null) dead.add(id);
          }
        });
        buried += dead.size;
      }),
      RUNS,
    );
    assert.ok(buried > 50, `only ${buried} tombstones`);
  });

  test("[H15] a write that has seen everything stands, whatever the clocks of all before it", () => {
    fc.assert(
      fc.property(history, fc.nat(2), (transactions, author) => {
        play(transactions, (server) => {
          const state = server.states.get(ENTITIES[0] as string);
          if (state === undefined || state.values === null) return;
          const trial = new Server();
          trial.events.push(...server.events);
          for (const [id, known] of server.states) trial.states.set(id, known);
          for (const [device, counter] of server.counters) trial.counters.set(device, counter);
          const fields = { title: "last word" };
          const last = { operation: "update" as const, device: author, entity: 0, fields, behind: 0, clock: 0 };
          const admission = trial.admit(trial.candidates([last]), DEVICES[author] as DeviceId);
          assert.equal(admission.ok, true);
          assert.equal(trial.states.get(ENTITIES[0] as string)?.values?.[0], "last word");
          const [before, after] = [state.writes[0]?.stamp, trial.states.get(ENTITIES[0] as string)?.writes[0]?.stamp];
          assert.ok(after !== undefined && before !== undefined && after >= before);
        });
      }),
      { ...RUNS, numRuns: 100 },
    );
  });

  test("going back through the log rebuilds every earlier row", () => {
    fc.assert(
      fc.property(history, (transactions) => {
        const rows: Array<Map<string, readonly JsonValue[] | null>> = [];
        play(transactions, (server) => {
          while (rows.length < server.events.length) {
            const event = server.events[rows.length] as DomainEvent;
            rows.push(new Map([...(rows.at(-1) ?? new Map()), [event.entity, event.row]]));
          }
          const undone = new Map<string, readonly JsonValue[] | null>(rows.at(-1));
          for (let index = server.events.length - 1; index >= 0; index--) {
            const event = server.events[index] as DomainEvent;
            assert.deepEqual(undone.get(event.entity) ?? null, event.row);
            undone.set(event.entity, undo(event));
            assert.deepEqual(undone.get(event.entity), rows[index - 1]?.get(event.entity) ?? null);
          }
        });
      }),
      RUNS,
    );
  });

  test("the events of an entity name each other", () => {
    fc.assert(
      fc.property(history, (transactions) => {
        play(transactions, (server) => {
          const last = new Map<string, number>();
          for (const event of server.events) {
            assert.equal(event.previous, last.get(event.entity) ?? 0);
            last.set(event.entity, event.offset);
          }
        });
      }),
      RUNS,
    );
  });

  test("an entity's vector is bounded, ends with its newest dot, and forgets nothing", () => {
    const server = new Server();
    let state: EntityState | null = null;
    for (let number = 1; number <= 200; number++) {
      const device = must(parseDeviceId(`device-${number % 90}`));
      const mutation: Mutation = {
        counter: Math.ceil(number / 90),
        operation: number === 1 ? "create" : "update",
        collection: "tasks",
        entity: ENTITIES[0] as Mutation["entity"],
        fields: { title: String(number) },
        seen: server.events.length,
        stamp: makeStamp(number, 0),
        remaining: 0,
      };
      const seen = { floor: mutation.seen, dots: new Map([[device, mutation.counter - 1]]) };
      const admission = server.admit(
        [{ mutation, seen, stamp: mutation.stamp, claimed: null, assigned: null, isExpiry: false }],
        device,
      );
      assert.equal(admission.ok, true);
      state = server.states.get(ENTITIES[0] as string) ?? null;
      assert.ok((state?.vector.dots.length ?? 0) <= MAX_VECTOR_DOTS);
      assert.deepEqual(state?.vector.dots.at(-1), { device, counter: mutation.counter, offset: number });
      for (const event of server.events) {
        const dot = state?.vector.dots.find((known) => known.device === event.device);
        const isCovered = event.offset <= (state?.vector.floor ?? 0) || (dot?.counter ?? 0) >= event.counter;
        assert.ok(isCovered, `event ${event.offset} is not in the vector`);
      }
    }
  });

  test("events and entities are the same after the disk", () => {
    fc.assert(
      fc.property(history, (transactions) => {
        play(transactions, (server) => {
          for (const event of server.events) {
            assert.deepEqual(decodeEvent(event.offset, encodeEvent(event, encodeRow(event.row))), event);
          }
          for (const state of server.states.values()) {
            assert.deepEqual(decodeEntity(encodeEntity(state, encodeRow(state.values)), COLUMNS.length), state);
          }
        });
      }),
      { ...RUNS, numRuns: 100 },
    );
  });
});

function undo(event: DomainEvent): readonly JsonValue[] | null {
  if (event.kind === "created") return null;
  if (event.kind === "deleted") return event.was;
  if (event.row === null) return null;
  const row = [...event.row];
  for (const [index, name] of event.changed.entries()) row[COLUMNS.indexOf(name)] = event.was[index] ?? null;
  return row;
}
