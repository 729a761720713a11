/**
 * The end of a run with hostile clocks: when everything is at rest, those whose clocks are furthest off write once more,
 * each after having seen all. No clock may have locked a field: what they write stands, and everybody comes to show it.
 */
import type { JsonValue, Random } from "@tidelock/core";
import type { Intent } from "@tidelock/client/engine";
import type { Device } from "./device.ts";
import type { Environment } from "./environment.ts";
import type { Model } from "./model.ts";
import { pick } from "./random.ts";
import { COLLECTIONS, type CollectionName, type Row } from "./readings.ts";
import { type Fields, type Values } from "./values.ts";
import { demand } from "./violation.ts";

/** Entities that each of them writes. */
const ENTITIES = 3;

export class Coda {
  readonly #environment: Environment;
  readonly #values: Values;
  readonly #model: Model;

  constructor(environment: Environment, values: Values, model: Model) {
    this.#environment = environment;
    this.#values = values;
    this.#model = model;
  }

  /** Those who write, in order: the one whose clock is furthest ahead, then the one that is furthest behind. */
  writers(devices: readonly Device[]): readonly Device[] {
    const inTime = [...devices].sort((left, right) => right.clock.now - left.clock.now);
    return [...new Set([inTime.at(0), inTime.at(-1)])].filter((device) => device !== undefined);
  }

  /** Writes a few entities. Answers with the check that the log has it all, for when it is there. */
  write(device: Device): () => void {
    const random = this.#environment.stream(`coda ${device.name}`);
    const written = new Map<string, readonly [CollectionName, string, Intent["fields"]]>();
    for (let count = 0; count < ENTITIES; count++) {
      const name = pick(random, COLLECTIONS);
      const ids = device.replica === null ? [] : [...device.replica.ids(name)];
      if (ids.length === 0) continue;
      const entity = pick(random, ids);
      const waiting = device.replica?.marks(name, entity) ?? new Map();
      const fields = Object.entries(this.#fields(random, name)).filter(([field]) => !waiting.has(field));
      const intent: Intent = { operation: "update", collection: name, entity, fields: Object.fromEntries(fields) };
      device.write([intent]);
      // The same entity may be picked again.
      written.set(`${name}/${entity}`, [name, entity, intent.fields]);
    }
    this.#environment.counts.add("informed writes", written.size);
    return () => {
      for (const [name, entity, fields] of written.values()) this.#checkStands(device, name, entity, fields);
    };
  }

  #fields(random: Random, name: CollectionName): Fields {
    switch (name) {
      case "notes":
        return { body: this.#values.unique() };
      case "tasks":
        return { title: this.#values.unique() };
      case "marks":
        return { token: this.#values.unique() };
      case "cases":
        return {
          title: this.#values.unique(),
          ruling: this.#values.unique(),
          stage: pick(random, ["draft", "sent", "done"]),
          lead: this.#values.unique(),
        };
      case "boards":
        return { name: this.#values.unique(), labels: { add: [this.#values.unique()] }, tags: { remove: ["red"] } };
    }
  }

  #checkStands(device: Device, name: CollectionName, entity: string, fields: Intent["fields"]): void {
    const row = this.#model.entity(name, entity)?.row ?? null;
    for (const [field, value] of Object.entries(fields)) {
      demand(row !== null && stands(row, field, value), "locked", () => {
        return `${device.name} wrote ${JSON.stringify(value)} to ${field} of ${name}/${entity}, and had seen all; it has ${JSON.stringify(row?.[field])}`;
      });
    }
  }
}

function stands(row: Row, field: string, value: JsonValue): boolean {
  if (typeof value !== "object" || value === null) return row[field] === value;
  const { add = [], remove = [] } = value as { readonly add?: readonly string[]; readonly remove?: readonly string[] };
  const elements = row[field] as readonly string[];
  return add.every((element) => elements.includes(element)) && !remove.some((element) => elements.includes(element));
}
