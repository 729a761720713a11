/**
 * What applications do: writes that make sense to whoever sees what the device shows, and some that do not. Values are
 * unique, so that every write can be told from every other.
 */
import {
  type EntityId,
  type Filter,
  type JsonValue,
  parseEntityId,
  parseRoomName,
  type Random,
  type RoomName,
  temporaryId,
  parseDeviceId,
  uuidv7,
} from "@tidelock/core";
import type { Intent } from "@tidelock/client/engine";
import type { Device, Wanted } from "./device.ts";
import { COLLECTIONS, type CollectionName, EXPLODING_TITLE, FILTERS, FORBIDDEN_TITLE } from "./domain.ts";
import type { PlainClient } from "./plain.ts";
import { between, chance, pick } from "./random.ts";
import { demand } from "./violation.ts";

type Fields = Record<string, JsonValue>;

export class Workload {
  #serial = 0;
  /** Entities that everybody knows and fights over, made by whoever comes first. */
  readonly #hot: ReadonlyArray<readonly [CollectionName, EntityId]>;

  constructor() {
    this.#hot = [
      ["notes", entityId("hot-note")],
      ["marks", entityId("hot-mark-1")],
      ["marks", entityId("hot-mark-2")],
    ];
  }

  #unique(): string {
    this.#serial += 1;
    return `v${this.#serial}`;
  }

  // ── devices ──────────────────────────────────────────────────────────────────────────────────────────────────────

  create(random: Random, device: Device): readonly Intent[] {
    const name = pick(random, ["notes", "marks"] as const);
    return [
      {
        operation: "create",
        collection: name,
        entity: this.#clientId(random, device.clock.now),
        fields: this.#fields(random, name, device.user, true),
      },
    ];
  }

  /** A task, whose id the server will make; sometimes with a child that refers to it, written at once or right after. */
  createTemporary(random: Random, device: Device): ReadonlyArray<readonly Intent[]> {
    const task = this.#task(random, device, this.#anyId(random, device, "tasks"));
    if (chance(random, 0.4)) return [[task]];
    const child = this.#task(random, device, task.entity);
    const update: Intent = {
      operation: "update",
      collection: "tasks",
      entity: task.entity,
      fields: { title: this.#unique() },
    };
    return pick(random, [[[task, child]], [[task], [child], [update]], [[task], [update]], [[task, update, child]]]);
  }

  #task(random: Random, device: Device, parent: EntityId | null): Intent {
    this.#serial += 1;
    const id = parseDeviceId(device.name);
    demand(id !== null, "simulator", () => `${device.name} is no device`);
    const fields = this.#fields(random, "tasks", device.user, true);
    if (parent !== null) fields["parent"] = parent;
    const note = this.#anyId(random, device, "notes");
    if (note !== null && chance(random, 0.5)) fields["note"] = note;
    return { operation: "create", collection: "tasks", entity: temporaryId(id, this.#serial), fields };
  }

  update(random: Random, device: Device): readonly Intent[] {
    const name = pick(random, COLLECTIONS);
    const entity = this.#anyId(random, device, name);
    if (entity === null) return this.create(random, device);
    return [{ operation: "update", collection: name, entity, fields: this.#fields(random, name, device.user, false) }];
  }

  /** Everyone at the same few entities. */
  updateHot(random: Random, device: Device): readonly Intent[] {
    const [collection, entity] = pick(random, this.#hot);
    const exists = device.replica?.get(collection, entity) ?? null;
    const operation = exists === null ? "create" : "update";
    return [
      { operation, collection, entity, fields: this.#fields(random, collection, device.user, operation === "create") },
    ];
  }

  remove(random: Random, device: Device): readonly Intent[] {
    const name = pick(random, COLLECTIONS);
    const entity = chance(random, 0.2) ? pick(random, this.#hot)[1] : this.#anyId(random, device, name);
    if (entity === null) return this.create(random, device);
    const collection = this.#hot.find(([, id]) => id === entity)?.[0] ?? name;
    return [{ operation: "delete", collection, entity, fields: {} }];
  }

  /** Several entities at once; often the two marks, which then always show the same token. */
  transaction(random: Random, device: Device): readonly Intent[] {
    if (chance(random, 0.4)) {
      const token = this.#unique();
      return this.#hot.slice(1).map(([collection, entity]): Intent => {
        const exists = device.replica?.get(collection, entity) ?? null;
        return { operation: exists === null ? "create" : "update", collection, entity, fields: { token } };
      });
    }
    const intents: Intent[] = [];
    const count = between(random, 2, 5);
    for (let index = 0; index < count; index++) {
      const part = chance(random, 0.15)
        ? this.remove(random, device)
        : chance(random, 0.4)
          ? this.create(random, device)
          : this.update(random, device);
      intents.push(...part);
    }
    return chance(random, 0.15) ? [...intents, ...this.poison(random, device)] : intents;
  }

  /** What must be refused, and must not stand in the way of anything else. */
  poison(random: Random, device: Device): readonly Intent[] {
    const note = this.#anyId(random, device, "notes");
    const entity = this.#clientId(random, device.clock.now);
    const bad: Intent[] = [
      { operation: "create", collection: "notes", entity, fields: { title: FORBIDDEN_TITLE, owner: device.user } },
      { operation: "create", collection: "notes", entity, fields: { title: EXPLODING_TITLE, owner: device.user } },
      {
        operation: "create",
        collection: "notes",
        entity,
        fields: { title: this.#unique(), owner: device.user, priority: "high" },
      },
      { operation: "create", collection: "notes", entity, fields: { body: "a title is missing", owner: device.user } },
      { operation: "create", collection: "marks", entity, fields: { token: 7 } },
      { operation: "create", collection: "marks", entity, fields: { colour: "red" } },
      {
        operation: "create",
        collection: "tasks",
        entity,
        fields: { title: "a client's id where the server makes them" },
      },
      { operation: "update", collection: "notes", entity, fields: { title: "nobody has made this" } },
      { operation: "delete", collection: "marks", entity, fields: {} },
    ];
    if (note !== null) {
      bad.push(
        { operation: "update", collection: "notes", entity: note, fields: { title: FORBIDDEN_TITLE } },
        {
          operation: "update",
          collection: "notes",
          entity: note,
          fields: { title: EXPLODING_TITLE, body: this.#unique() },
        },
        { operation: "update", collection: "notes", entity: note, fields: { done: "yes" } },
        { operation: "create", collection: "notes", entity: note, fields: { title: "taken", owner: device.user } },
      );
    }
    return [pick(random, bad)];
  }

  wanted(random: Random): Wanted {
    const collection = pick(random, COLLECTIONS);
    return { collection, filter: pick<Filter>(random, FILTERS[collection]) };
  }

  room(random: Random): RoomName {
    const room = parseRoomName(`room-${between(random, 1, 3)}`);
    demand(room !== null, "simulator", () => "a room's name is a name");
    return room;
  }

  presenceState(random: Random): JsonValue {
    return chance(random, 0.1) ? {} : { cursor: this.#unique() };
  }

  // ── plain clients ────────────────────────────────────────────────────────────────────────────────────────────────

  plain(random: Random, client: PlainClient): void {
    const keys = [...client.rows.keys()];
    const name = pick(random, COLLECTIONS);
    const roll = random.next();
    if (roll > 0.9) {
      const token = this.#unique();
      for (const [index, [collection, id]] of this.#hot.slice(1).entries()) {
        client.add("update", collection, id, { token }, 1 - index);
      }
      return;
    }
    if (roll < 0.35 || keys.length === 0) {
      const entity = name !== "tasks" && chance(random, 0.5) ? this.#clientId(random, 1_700_000_000_000) : null;
      const made = client.add("create", name, entity, this.#fields(random, name, client.user, true));
      if (chance(random, 0.4))
        client.add("update", name, entity ?? made, this.#fields(random, name, client.user, false));
      return;
    }
    const [collection = "marks", id = ""] = chance(random, 0.4)
      ? pick(random, this.#hot)
      : pick(random, keys).split("/");
    if (roll < 0.5) client.add("delete", collection, id, {});
    else if (roll < 0.57) client.add("update", collection, id, { title: FORBIDDEN_TITLE });
    else if (roll < 0.6) client.add("archive", collection, id, {});
    else client.add("update", collection, id, this.#fields(random, collection as CollectionName, client.user, false));
  }

  // ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #clientId(random: Random, now: number): EntityId {
    return entityId(
      uuidv7(
        now,
        Uint8Array.from({ length: 10 }, () => random.below(256)),
      ),
    );
  }

  #anyId(random: Random, device: Device, name: CollectionName): EntityId | null {
    const ids = device.replica === null ? [] : [...device.replica.ids(name)];
    return ids.length === 0 ? null : pick(random, ids);
  }

  #fields(random: Random, name: CollectionName, user: string, isWhole: boolean): Fields {
    const all: Fields = {};
    switch (name) {
      case "notes":
        Object.assign(all, {
          title: this.#unique(),
          body: this.#unique(),
          priority: between(random, -1, 4),
          done: chance(random, 0.5),
          visibility: chance(random, 0.7) ? "public" : "private",
          extra: chance(random, 0.3) ? null : { by: user, list: [1, { deep: this.#unique() }] },
        });
        break;
      case "tasks":
        Object.assign(all, {
          title: this.#unique(),
          state: pick(random, ["open", "open", "doing", "closed"]),
          points: between(random, 0, 8) / 2,
        });
        break;
      case "marks":
        Object.assign(all, { value: between(random, -2, 3), token: this.#unique() });
        break;
    }
    const names = Object.keys(all).filter(() => chance(random, isWhole ? 0.6 : 0.4));
    const chosen = names.length > 0 ? names : [pick(random, Object.keys(all))];
    const fields: Fields = Object.fromEntries(chosen.map((field) => [field, all[field] ?? null]));
    if (isWhole && name !== "marks") fields["title"] = all["title"] ?? null;
    if (isWhole && name === "notes") fields["owner"] = user;
    return fields;
  }
}

function entityId(text: string): EntityId {
  const id = parseEntityId(text);
  demand(id !== null, "simulator", () => `${text} is no entity id`);
  return id;
}
