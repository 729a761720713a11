/** What applications write: values of their own, so that every write can be told from every other, and some that collide. */
import {
  type EntityId,
  type JsonValue,
  type ListStep,
  parseDeviceId,
  parseEntityId,
  type Random,
  temporaryId,
  uuidv7,
} from "@tidelock/core";
import { FORBIDDEN_PRICE } from "./domain.ts";
import { between, chance, pick } from "./random.ts";
import type { CollectionName, Row } from "./readings.ts";
import { demand } from "./violation.ts";

export type Fields = Record<string, JsonValue>;

/** Who writes, and what they see. */
export interface Writer {
  readonly user: string;
  /** The entity as the writer sees it; `null` for a new one. */
  readonly seen: Row | null;
  /** Other boards that the writer knows. */
  readonly boards: readonly string[];
}

const WORDS = ["bug", "idea", "home", "work", "later"];
const COLOURS = ["red", "green", "blue", "grey"];

export class Values {
  #serial = 0;

  unique(): string {
    this.#serial += 1;
    return `v${this.#serial}`;
  }

  clientId(random: Random, now: number): EntityId {
    return entityId(
      uuidv7(
        now,
        Uint8Array.from({ length: 10 }, () => random.below(256)),
      ),
    );
  }

  /** An id for an entity whose id the server will make. */
  temporaryId(device: string): EntityId {
    this.#serial += 1;
    const id = parseDeviceId(device);
    demand(id !== null, "simulator", () => `${device} is no device`);
    return temporaryId(id, this.#serial);
  }

  /** Some fields of an entity; all that must be there when it is new. */
  fields(random: Random, name: CollectionName, writer: Writer): Fields {
    const isNew = writer.seen === null;
    const all = this.#all(random, name, writer);
    const names = Object.keys(all).filter(() => chance(random, isNew ? 0.6 : name === "boards" ? 0.3 : 0.4));
    const chosen = names.length > 0 ? names : [pick(random, Object.keys(all))];
    const fields: Fields = Object.fromEntries(chosen.map((field) => [field, all[field] ?? null]));
    if (isNew && name !== "marks" && name !== "boards") fields["title"] = all["title"] ?? this.unique();
    if (isNew && (name === "notes" || name === "cases")) fields["owner"] = writer.user;
    return fields;
  }

  #all(random: Random, name: CollectionName, writer: Writer): Fields {
    switch (name) {
      case "notes":
        return {
          title: this.unique(),
          body: this.unique(),
          priority: between(random, -1, 4),
          done: chance(random, 0.5),
          visibility: chance(random, 0.7) ? "public" : "private",
          extra: chance(random, 0.3) ? null : { by: writer.user, list: [1, { deep: this.unique() }] },
        };
      case "tasks":
        return {
          title: this.unique(),
          state: pick(random, ["open", "open", "doing", "closed"]),
          points: between(random, 0, 8) / 2,
        };
      case "marks":
        return { value: between(random, -2, 3), token: this.unique() };
      case "cases":
        return {
          title: this.unique(),
          visibility: chance(random, 0.7) ? "public" : "private",
          price: chance(random, 0.04) ? FORBIDDEN_PRICE : between(random, 0, 9),
          ruling: chance(random, 0.3) ? "as usual" : this.unique(),
          verdict: pick(random, ["open", "granted", "denied"]),
          stage: pick(random, ["draft", "sent", "done"]),
          lead: chance(random, 0.2) ? "everybody" : this.unique(),
          mood: between(random, 0, 20),
        };
      case "boards":
        return this.#board(random, writer);
    }
  }

  #board(random: Random, { seen, boards }: Writer): Fields {
    const fields: Fields = {
      name: this.unique(),
      labels: setChange(random, WORDS, seen?.["labels"]),
      tags: setChange(random, COLOURS, seen?.["tags"]),
      steps: this.#listChange(random, seen?.["steps"], boards),
      votes: { add: between(random, -1, 3) },
      usage: { add: between(random, 0, 3) },
      grade: between(random, 0, 5),
    };
    if (boards.length > 0) {
      fields["members"] = setChange(random, boards.slice(0, 5), seen?.["members"]);
      if (chance(random, 0.4)) fields["parent"] = pick(random, boards);
    }
    return fields;
  }

  #listChange(random: Random, seen: unknown, boards: readonly string[]): JsonValue {
    const items = (seen ?? []) as readonly Item[];
    if (seen === undefined || chance(random, 0.12)) return this.#wholeList(random, items);
    const ops: ListStep[] = [];
    let ids = items.map(({ id }) => id);
    const count = chance(random, 0.3) ? 2 : 1;
    for (let index = 0; index < count; index++) {
      const op = this.#step(random, ids, boards);
      ops.push(op);
      if (op[0] === "remove") ids = ids.filter((id) => id !== op[1]);
      else if (op[0] === "insert" && !ids.includes(op[1])) ids = [...ids, op[1]];
    }
    return { ops: ops as unknown as JsonValue };
  }

  #step(random: Random, ids: readonly string[], boards: readonly string[]): ListStep {
    const kind =
      ids.length === 0 ? "insert" : pick(random, ["insert", "insert", "move", "edit", "edit", "remove"] as const);
    const known = ids.length === 0 ? "" : pick(random, ids);
    if (kind === "remove") return ["remove", known];
    if (kind === "edit") {
      const link = boards.length > 0 && chance(random, 0.3) ? { link: pick(random, boards) } : {};
      return ["edit", known, chance(random, 0.5) ? { text: this.unique(), ...link } : { done: chance(random, 0.5) }];
    }
    // Now and then two people make an item of the same name.
    const id = kind === "move" ? known : chance(random, 0.2) ? `i${between(random, 1, 3)}` : this.unique();
    const others = ids.filter((other) => other !== id);
    const after = others.length === 0 || chance(random, 0.3) ? null : pick(random, others);
    return kind === "move" ? ["move", id, after] : ["insert", id, after, this.#properties(random)];
  }

  #properties(random: Random): Fields {
    return { text: this.unique(), done: chance(random, 0.5), link: null };
  }

  /** The list as it is seen, with one item more, one less, or one that says something else; in the same order. */
  #wholeList(random: Random, items: readonly Item[]): JsonValue {
    const kept = items
      .filter(() => chance(random, 0.85))
      .map((item) => (chance(random, 0.2) ? { ...item, text: this.unique() } : item));
    const place = random.below(kept.length + 1);
    const added = { id: this.unique(), ...this.#properties(random) };
    return [...kept.slice(0, place), added, ...kept.slice(place)] as unknown as JsonValue;
  }
}

interface Item {
  readonly id: string;
}

function setChange(random: Random, words: readonly string[], seen: unknown): JsonValue {
  const present = (seen ?? []) as readonly string[];
  if (seen === undefined || chance(random, 0.15)) return words.filter(() => chance(random, 0.4));
  const word = pick(random, words);
  if (present.length > 0 && chance(random, 0.4)) {
    const gone = pick(random, present);
    return word !== gone && chance(random, 0.3) ? { add: [word], remove: [gone] } : { remove: [gone] };
  }
  return { add: [word] };
}

export function entityId(text: string): EntityId {
  const id = parseEntityId(text);
  demand(id !== null, "simulator", () => `${text} is no entity id`);
  return id;
}
