/**
 * What conflicts cost. First what finding that there is none adds to the commit path: the settling of one written field, by
 * policy, against the whole of a durable mutation measured in the same run. Then what an entity costs that a thousand
 * devices have written.
 */
import {
  collection,
  defineSchema,
  EMPTY_VECTOR,
  field,
  type FieldSchema,
  type FieldState,
  greatest,
  type IncomingWrite,
  type JsonValue,
  makeStamp,
  parseDeviceId,
  parseEntityId,
  parseSessionId,
  parseTenantId,
  parseEpoch,
  parseUserId,
  review,
  seededRandom,
  settleField,
  UNLIMITED,
  DEFAULT_LIMITS,
} from "@tidelock/core";
import { Hub, type HubEffect, type HubInput, type StoredEntity } from "@tidelock/server/engine";

const schema = defineSchema({
  version: 1,
  collections: {
    items: collection({
      title: field.string().default(""),
      count: field.number().default(0).policy(greatest()),
      due: field.number().default(0).policy(review()),
      votes: field.counter(),
      labels: field.set(field.string()),
      steps: field.list({ text: field.string() }),
    }),
  },
});

export interface SettleCost {
  readonly name: string;
  /** Microseconds for one write whose author had seen all before it. */
  readonly seenUs: number;
}

const ROUND = 20_000;

/** The cost of settling a write that meets no conflict, for each policy. */
export function settleCosts(): readonly SettleCost[] {
  const of = (name: string): FieldSchema => {
    const found = schema.collections.get("items")?.byName.get(name);
    if (found === undefined) throw new Error(`no field ${name}`);
    return found;
  };
  const label = (turn: number): string => `label ${turn % 20}`;
  return [
    cost("lww", of("title"), (turn) => `title ${turn}`),
    cost("resolve", of("count"), (turn) => turn),
    cost("review", of("due"), (turn) => turn),
    cost("counter", of("votes"), () => ({ add: 1 })),
    cost("set of up to 20", of("labels"), (turn) =>
      turn % 3 === 0 ? { remove: [label(turn)] } : { add: [label(turn)] },
    ),
    cost("list of up to 20", of("steps"), (turn) => {
      const id = `step-${turn % 20}`;
      return { ops: [turn < 20 ? ["insert", id, null, { text: "a" }] : ["edit", id, { text: `text ${turn}` }]] };
    }),
  ];
}

function cost(name: string, written: FieldSchema, valueOf: (turn: number) => JsonValue): SettleCost {
  const times: number[] = [];
  for (let round = 0; round < 5; round++) times.push(once(written, valueOf));
  times.sort((left, right) => left - right);
  return { name, seenUs: times[2] ?? Number.NaN };
}

function once(written: FieldSchema, valueOf: (turn: number) => JsonValue): number {
  const device = must(parseDeviceId("bench"));
  const user = must(parseUserId("bench"));
  let state: FieldState = { value: written.default ?? null, write: undefined, memory: undefined };
  const began = process.hrtime.bigint();
  for (let turn = 0; turn < ROUND; turn++) {
    const incoming: IncomingWrite = {
      device,
      counter: turn + 1,
      user,
      offset: turn + 1,
      seen: { floor: turn, dots: EMPTY_VECTOR.dots },
      stamp: makeStamp(turn, 0),
      claims: {},
      value: valueOf(turn),
    };
    const settled = settleField("items", written, state, incoming, UNLIMITED);
    if (settled.kind !== "written") throw new Error(`${written.name}: ${settled.kind}`);
    const { offset, counter } = incoming;
    state = {
      value: settled.value,
      write: { device, counter, offset, stamp: settled.stamp, user },
      memory: settled.memory,
    };
  }
  return Number(process.hrtime.bigint() - began) / 1000 / ROUND;
}

export interface ManyWriters {
  readonly devices: number;
  /** Bytes of the entity's stored form beside its values: last writes, version vector, what policies remember. */
  readonly metaBytes: number;
  readonly conflicts: number;
}

/** One entity, written in every field by many devices that have not seen each other, and then by each once more. */
export function manyWriters(devices: number): ManyWriters {
  const tenant = new InMemoryTenant();
  const id = must(parseEntityId("item"));
  tenant.push("maker", [1, "create", "items", id, {}, 0, makeStamp(1, 0), 0]);
  for (let turn = 0; turn < 2; turn++) {
    for (let index = 0; index < devices; index++) {
      const fields = {
        title: `title ${index}`,
        count: index,
        votes: { add: 1 },
        labels: { add: [`label ${index % 40}`] },
        steps: { ops: [["insert", `step-${index % 40}-${turn}`, null, { text: "a" }]] },
      };
      tenant.push(`device-${index}`, [turn + 1, "update", "items", id, fields, 1, makeStamp(index + 2, turn), 0]);
    }
  }
  return { devices, metaBytes: Buffer.byteLength(tenant.entity(id).meta), conflicts: tenant.conflicts };
}

type Row = Extract<Extract<HubInput, { type: "message" }>["message"], { type: "push" }>["mutations"][number];

/** A hub whose disk is a map and never waits. */
class InMemoryTenant {
  readonly #hub: Hub;
  readonly #entities = new Map<string, StoredEntity>();
  readonly #sessions = new Set<string>();
  #now = 0;
  conflicts = 0;

  constructor() {
    const record = { epoch: must(parseEpoch("bench")), head: 0, floor: 0, published: 0, columns: new Map() };
    const tenant = must(parseTenantId("bench"));
    this.#hub = new Hub({ tenant, record, schema, limits: DEFAULT_LIMITS, random: seededRandom(1) });
  }

  entity(id: string): StoredEntity {
    return must(this.#entities.get(`items/${id}`) ?? null);
  }

  push(name: string, row: Row): void {
    const session = must(parseSessionId(name));
    if (!this.#sessions.has(name)) {
      this.#sessions.add(name);
      const user = must(parseUserId("bench"));
      this.#handle({
        type: "session-opened",
        session,
        principal: { user, claims: {}, expires: null },
        hello: {
          type: "hello",
          protocol: [1, 1],
          schema: { version: schema.version, hash: schema.hash },
          sdk: "bench",
          device: must(parseDeviceId(name)),
          token: "",
          epoch: null,
          checkpoint: 0,
          decided: 0,
          subscriptions: [],
        },
      });
    }
    this.#handle({ type: "message", session, message: { type: "push", mutations: [row] } });
  }

  #handle(input: HubInput): void {
    this.#now += 1;
    for (const effect of this.#hub.handle(input, this.#now)) this.#perform(effect);
  }

  #perform(effect: HubEffect): void {
    if (effect.type === "append") {
      for (const entity of effect.commit.entities) this.#entities.set(`${entity.collection}/${entity.id}`, entity);
      this.conflicts += effect.commit.decisions.length;
      this.#handle({ type: "append-done", append: effect.append });
    } else if (effect.type === "read") {
      const { request, read } = effect;
      if (request.kind === "device") {
        this.#handle({ type: "read-done", read, result: { kind: "device", record: null, receipts: [] } });
      } else if (request.kind === "entities") {
        const entities = request.keys.flatMap(([of, id]) => this.#entities.get(`${of}/${id}`) ?? []);
        this.#handle({ type: "read-done", read, result: { kind: "entities", entities } });
      } else throw new Error(`no answer to ${request.kind}`);
    }
  }
}

function must<Value>(value: Value | null): Value {
  if (value === null) throw new Error("missing");
  return value;
}
