/**
 * What applications do: writes that make sense to whoever sees what the device shows, and some that do not; calls of
 * mutators. What reviewers do is in `reviewers.ts`.
 */
import { type EntityId, type Filter, type JsonValue, parseRoomName, type Random, type RoomName } from "@tidelock/core";
import type { Intent } from "@tidelock/client/engine";
import type { Device, Wanted } from "./device.ts";
import { EXPLODING_TITLE, FORBIDDEN_TITLE, UNREADABLE } from "./domain.ts";
import { between, chance, pick } from "./random.ts";
import { type CollectionName, FILTERS, hasServerIds, isReviewable, REVIEWS } from "./readings.ts";
import { entityId, type Fields, Values } from "./values.ts";
import { demand } from "./violation.ts";

/** Entities that everybody knows and fights over, made by whoever comes first. */
export const HOT: ReadonlyArray<readonly [CollectionName, EntityId]> = [
  ["notes", entityId("hot-note")],
  ["marks", entityId("hot-mark-1")],
  ["marks", entityId("hot-mark-2")],
  ["cases", entityId("hot-case-1")],
  ["cases", entityId("hot-case-2")],
];

export class Workload {
  readonly values: Values = new Values();
  readonly #scope: readonly CollectionName[];

  /** @param scope the collections that this world is about */
  constructor(scope: readonly CollectionName[]) {
    this.#scope = scope;
  }

  #pick(random: Random, isWanted: (name: CollectionName) => boolean = () => true): CollectionName {
    const names = this.#scope.filter(isWanted);
    return names.length === 0 ? "marks" : pick(random, names);
  }

  hot(random: Random): readonly [CollectionName, EntityId];
  hot(random: Random, isWanted: (name: string) => boolean): readonly [CollectionName, EntityId] | null;
  hot(random: Random, isWanted: (name: string) => boolean = () => true): readonly [CollectionName, EntityId] | null {
    const all = HOT.filter(([name]) => this.#scope.includes(name) && isWanted(name));
    return all.length === 0 ? null : pick(random, all);
  }

  /** The two accounts between which transactions move values. */
  accounts(): ReadonlyArray<readonly [CollectionName, EntityId]> {
    return HOT.filter(([name]) => name === "marks");
  }

  any(random: Random): CollectionName {
    return this.#pick(random);
  }

  create(random: Random, device: Device): readonly Intent[] {
    const collection = this.#pick(random, (name) => !hasServerIds(name));
    const entity = this.values.clientId(random, device.clock.now);
    return [{ operation: "create", collection, entity, fields: this.#fields(random, device, collection, null) }];
  }

  /** An entity whose id the server will make; sometimes with another that names it, written at once or right after. */
  createTemporary(random: Random, device: Device): ReadonlyArray<readonly Intent[]> {
    if (!this.#scope.some(hasServerIds)) return [this.create(random, device)];
    const collection = this.#pick(random, hasServerIds);
    const first = this.#unnumbered(random, device, collection, this.#anyId(random, device, collection));
    if (chance(random, 0.4)) return [[first]];
    const child = this.#unnumbered(random, device, collection, first.entity);
    const fields: Fields =
      collection === "boards" ? { members: { add: [first.entity] } } : { title: this.values.unique() };
    const update: Intent = { operation: "update", collection, entity: first.entity, fields };
    return pick(random, [
      [[first, child]],
      [[first], [child], [update]],
      [[first], [update]],
      [[first, update, child]],
    ]);
  }

  #unnumbered(random: Random, device: Device, collection: CollectionName, parent: EntityId | null): Intent {
    const entity = this.values.temporaryId(device.name);
    const fields = this.#fields(random, device, collection, null);
    if (parent !== null) fields["parent"] = parent;
    if (parent !== null && collection === "boards" && chance(random, 0.5)) {
      fields["members"] = [parent];
      fields["steps"] = [{ id: this.values.unique(), text: "linked", done: false, link: parent }];
    }
    const note = this.#anyId(random, device, "notes");
    if (note !== null && collection === "tasks" && chance(random, 0.5)) fields["note"] = note;
    return { operation: "create", collection, entity, fields };
  }

  update(random: Random, device: Device): readonly Intent[] {
    const collection = this.#pick(random);
    const entity = this.#anyId(random, device, collection);
    if (entity === null) {
      return hasServerIds(collection)
        ? [this.#unnumbered(random, device, collection, null)]
        : this.create(random, device);
    }
    return [{ operation: "update", collection, entity, fields: this.#fields(random, device, collection, entity) }];
  }

  /** Everyone at the same few entities, of what the device looks at. */
  updateHot(random: Random, device: Device): readonly Intent[] {
    const wanted = new Set([...device.wanted.values()].map(({ collection }) => collection));
    const [collection, entity] = this.hot(random, (name) => wanted.has(name)) ?? this.hot(random);
    const isNew = (device.replica?.get(collection, entity) ?? null) === null;
    const operation = isNew ? "create" : "update";
    return [{ operation, collection, entity, fields: this.#fields(random, device, collection, isNew ? null : entity) }];
  }

  /** An entity that the device shows, to be written by several at once; `null` when it shows none. */
  contested(random: Random, device: Device): readonly [CollectionName, EntityId] | null {
    const name = this.#pick(random, (each) => isReviewable(each) || chance(random, 0.3));
    const entity = this.#anyId(random, device, name);
    return entity === null || entity.startsWith("tmp:") ? null : [name, entity];
  }

  /** One of several writes to the same entity at the same moment. */
  clash(random: Random, device: Device, [collection, entity]: readonly [CollectionName, EntityId]): readonly Intent[] {
    if (chance(random, 0.08)) return [{ operation: "delete", collection, entity, fields: {} }];
    return [{ operation: "update", collection, entity, fields: this.#fields(random, device, collection, entity) }];
  }

  remove(random: Random, device: Device): readonly Intent[] {
    const name = this.#pick(random);
    const hot = chance(random, 0.2) ? this.hot(random) : null;
    const entity = hot === null ? this.#anyId(random, device, name) : hot[1];
    if (entity === null) return this.create(random, device);
    return [{ operation: "delete", collection: hot?.[0] ?? name, entity, fields: {} }];
  }

  /** Several entities at once; often the two marks, which then always show the same token. */
  transaction(random: Random, device: Device): readonly Intent[] {
    if (chance(random, 0.4)) {
      const token = this.values.unique();
      return this.accounts().map(([collection, entity]): Intent => {
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
    const board = this.#anyId(random, device, "boards");
    const review = this.#anyId(random, device, REVIEWS);
    const entity = this.values.clientId(random, device.clock.now);
    const create = (collection: string, fields: Fields): Intent => ({
      operation: "create",
      collection,
      entity,
      fields,
    });
    const owner = device.user;
    const bad: Intent[] = [
      create("notes", { title: FORBIDDEN_TITLE, owner }),
      create("notes", { title: EXPLODING_TITLE, owner }),
      create("notes", { title: this.values.unique(), owner, priority: "high" }),
      create("notes", { body: "a title is missing", owner }),
      create("marks", { token: 7 }),
      create("marks", { colour: "red" }),
      create("tasks", { title: "a client's id where the server makes them" }),
      { operation: "update", collection: "notes", entity, fields: { title: "nobody has made this" } },
      { operation: "delete", collection: "marks", entity, fields: {} },
    ];
    const update = (collection: string, id: EntityId, fields: Fields): Intent => {
      return { operation: "update", collection, entity: id, fields };
    };
    if (note !== null) {
      bad.push(
        update("notes", note, { title: FORBIDDEN_TITLE }),
        update("notes", note, { title: EXPLODING_TITLE, body: this.values.unique() }),
        update("notes", note, { done: "yes" }),
        { operation: "create", collection: "notes", entity: note, fields: { title: "taken", owner } },
      );
    }
    if (board !== null) {
      bad.push(
        update("boards", board, { usage: { add: -1 } }),
        update("boards", board, { tags: { add: ["no colour"] } }),
        update("boards", board, { votes: 7 }),
        update("boards", board, { steps: { ops: [["edit", "nobody-knows-it", { text: "x" }]] } }),
        update("boards", board, { members: { add: [this.values.temporaryId(device.name)] } }),
      );
    }
    if (review !== null) {
      bad.push(update(REVIEWS, review, { status: "closed" }), {
        operation: "delete",
        collection: REVIEWS,
        entity: review,
        fields: {},
      });
    }
    return [pick(random, bad)];
  }

  /** What the server's gateway cannot read, alone or within a transaction. */
  unreadable(random: Random, device: Device): readonly Intent[] {
    const entity = this.values.clientId(random, device.clock.now);
    const bad: Intent = { operation: "create", collection: "marks", entity, fields: { token: UNREADABLE } };
    if (chance(random, 0.6)) return [bad];
    return chance(random, 0.5) ? [...this.create(random, device), bad] : [bad, ...this.update(random, device)];
  }

  // ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

  call(random: Random, device: Device): Intent {
    const mark = pick(random, this.accounts())[1];
    const roll = random.next();
    if (roll < 0.4) return called("addValue", { mark, by: between(random, 1, 4) });
    if (roll < 0.5) return called("stumble", { mark, step: between(random, 0, 8) });
    if (roll < 0.75 || !this.#scope.includes("boards")) {
      const note = this.#anyId(random, device, "notes") ?? HOT[0]?.[1] ?? mark;
      return called("openCase", { note, title: this.values.unique(), price: between(random, 0, 9) });
    }
    const boards = [...new Set([1, 2].flatMap(() => this.#anyId(random, device, "boards") ?? []))];
    return called("gather", { boards, name: this.values.unique(), grade: between(random, 0, 5) });
  }

  /** A write to what the device's last call has made, as somebody does who saw it appear. */
  afterCall(random: Random, device: Device): readonly Intent[] | null {
    const made = device.replica?.outbox.at(-1)?.effects?.find(({ operation }) => operation === "create");
    if (made === undefined || !chance(random, 0.4)) return null;
    const collection = made.collection as CollectionName;
    return [
      {
        operation: "update",
        collection,
        entity: made.entity,
        fields: this.#fields(random, device, collection, made.entity),
      },
    ];
  }

  // ── what devices look at ─────────────────────────────────────────────────────────────────────────────────────────

  wanted(random: Random): Wanted {
    const names: string[] = [...this.#scope];
    if (this.#scope.some(isReviewable)) names.push(REVIEWS, "boards", "cases");
    const collection = pick(random, names);
    return { collection, filter: pick<Filter>(random, FILTERS[collection] ?? [{}]) };
  }

  room(random: Random): RoomName {
    const room = parseRoomName(`room-${between(random, 1, 3)}`);
    demand(room !== null, "simulator", () => "a room's name is a name");
    return room;
  }

  presenceState(random: Random): JsonValue {
    return chance(random, 0.1) ? {} : { cursor: this.values.unique() };
  }

  /** An entity that the device shows. People meet at a few boards and cases, where concurrent writes are. */
  #anyId(random: Random, device: Device, name: string): EntityId | null {
    const ids = device.replica === null ? [] : [...device.replica.ids(name)];
    if (ids.length === 0) return null;
    return isReviewable(name) && chance(random, 0.7) ? pick(random, ids.sort().slice(0, 2)) : pick(random, ids);
  }

  #fields(random: Random, device: Device, name: CollectionName, id: EntityId | null): Fields {
    const seen = id === null ? null : (device.replica?.get(name, id) ?? {});
    const boards = name === "boards" && device.replica !== null ? [...device.replica.ids("boards")] : [];
    return this.values.fields(random, name, { user: device.user, seen, boards });
  }
}

function called(name: string, fields: Fields): Intent {
  return { operation: "call", collection: name, entity: entityId(name), fields };
}
