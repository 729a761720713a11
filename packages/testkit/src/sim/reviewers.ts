/** What reviewers do: decide open reviews that they see, two at once, or long after; write on them. */
import { type EntityId, type JsonValue, type MutatorEffect, type Random } from "@tidelock/core";
import type { Intent } from "@tidelock/client/engine";
import { BEGINNING } from "./clock.ts";
import type { Device } from "./device.ts";
import { EXPLODING_NOTE } from "./domain.ts";
import { between, chance, pick } from "./random.ts";
import { reading, REVIEWS, type Row } from "./readings.ts";
import { candidatesOf } from "./reviewing.ts";
import { entityId, type Fields, type Values } from "./values.ts";

export class Reviewers {
  readonly #values: Values;

  constructor(values: Values) {
    this.#values = values;
  }

  /** A decision of a review that is open, as far as the device can see; `null` when there is none. */
  decide(random: Random, device: Device): Intent | null {
    const id = this.#anyOpen(random, device);
    return id === null ? null : this.decideThis(random, device, id);
  }

  #anyOpen(random: Random, device: Device): EntityId | null {
    const { replica } = device;
    const ids = replica === null ? [] : [...replica.ids(REVIEWS)];
    // A late reviewer decides what is closed already.
    const open = ids.filter((id) => replica?.get(REVIEWS, id)?.["status"] === "open" || chance(random, 0.03));
    return open.length === 0 ? null : pick(random, open);
  }

  /** Whether the device sees a review as open. */
  sees(device: Device, id: EntityId): boolean {
    return device.replica?.get(REVIEWS, id)?.["status"] === "open";
  }

  decideThis(random: Random, device: Device, id: EntityId): Intent | null {
    const review = device.replica?.get(REVIEWS, id) ?? null;
    if (review === null) return null;
    const { value, fields } = this.#choice(random, review);
    return {
      operation: "decide",
      collection: REVIEWS,
      entity: id,
      fields,
      effects: effectsOf(device, id, review, value),
    };
  }

  #choice(random: Random, review: Row): { readonly value: JsonValue; readonly fields: Fields } {
    const field = review["field"];
    if (field === null || chance(random, 0.6)) {
      const candidate = pick(random, candidatesOf(review));
      if (chance(random, 0.04)) return { value: null, fields: { candidate: "nobody:1" } };
      return { value: candidate.value as JsonValue, fields: { candidate: candidate.id } };
    }
    const isWord = reading(String(review["collection"]), String(field))?.takes("granted") === true;
    const isText = reading(String(review["collection"]), String(field))?.takes("anything") === true;
    const value: JsonValue = isText ? this.#values.unique() : isWord ? "granted" : between(random, 0, 13);
    return { value, fields: { value: chance(random, 0.04) ? { nonsense: true } : value } };
  }

  /** Who looks after it, what they think, until when. */
  annotate(random: Random, device: Device, trueNow: number): Intent | null {
    const ids = device.replica === null ? [] : [...device.replica.ids(REVIEWS)];
    return ids.length === 0 ? null : { ...this.note(random, device.user, trueNow), entity: pick(random, ids) };
  }

  note(random: Random, user: string, trueNow: number): Intent {
    const all: readonly Fields[] = [
      { assignee: user },
      { assignee: null },
      { note: chance(random, 0.05) ? EXPLODING_NOTE : this.#values.unique() },
      { due: BEGINNING + Math.floor(trueNow) + between(random, -1000, 15_000) },
      { due: null, onExpiry: "keep" },
      { onExpiry: "latest", due: BEGINNING + Math.floor(trueNow) + between(random, 1000, 8000) },
    ];
    return { operation: "update", collection: REVIEWS, entity: entityId("a-review"), fields: pick(random, all) };
  }
}

/** What an application shows of a decision before the server has answered. */
function effectsOf(device: Device, id: EntityId, review: Row, value: JsonValue): readonly MutatorEffect[] {
  const closed: MutatorEffect = { operation: "update", collection: REVIEWS, entity: id, fields: { status: "closed" } };
  const entity = device.replica?.resolveId(entityId(String(review["entity"]))) ?? null;
  const collection = String(review["collection"]);
  const field = review["field"];
  if (entity === null) return [closed];
  if (typeof field === "string")
    return [closed, { operation: "update", collection, entity, fields: { [field]: value } }];
  return value === null ? [closed, { operation: "delete", collection, entity, fields: {} }] : [closed];
}
