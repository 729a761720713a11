/**
 * Names in mutations: temporary ids in an entity's place and in references, and the final ids that they stand for. Names
 * are those of one device; what they mean is in `Aliases`.
 */
import {
  type DeviceId,
  type EntityId,
  type FieldSchema,
  holdsReferences,
  mapReferences,
  type Mutation,
  referencesIn,
} from "@tidelock/core";
import type { Aliases } from "./aliases.ts";
import type { Admission } from "./admit.ts";
import type { Candidate } from "./admission.ts";
import type { HubContext } from "./ports.ts";

export class Names {
  readonly #context: Pick<HubContext, "collections" | "mutators">;
  readonly #aliases: Aliases;

  constructor(context: Pick<HubContext, "collections" | "mutators">, aliases: Aliases) {
    this.#context = context;
    this.#aliases = aliases;
  }

  /** The id that the server assigned in place of a temporary one of the device; any other as it is. */
  resolve(device: DeviceId, id: EntityId): EntityId {
    return this.#aliases.resolve(device, id);
  }

  /** The fields of a mutation that can name other entities. */
  referenceFields(mutation: Mutation): readonly FieldSchema[] {
    const { collections, mutators } = this.#context;
    if (mutation.operation === "call") return mutators.get(mutation.collection)?.args.filter(holdsReferences) ?? [];
    return collections.get(mutation.collection)?.references ?? [];
  }

  /** The mutation with temporary ids replaced by those assigned, in its entity and in its references. */
  resolveIds(device: DeviceId, mutation: Mutation, assigned: EntityId | null): Mutation {
    const entity = assigned ?? this.resolve(device, mutation.entity);
    const fields = mapReferences(this.referenceFields(mutation), mutation.fields, (id) => this.resolve(device, id));
    if (entity === mutation.entity && fields === mutation.fields) return mutation;
    return { ...mutation, entity, fields };
  }

  /** A reference to a temporary id that stands for nothing must not get into the log: nobody could ever resolve it. */
  danglingReference(candidates: readonly Candidate[]): Admission | null {
    for (const [failing, { mutation }] of candidates.entries()) {
      for (const id of referencesIn(this.referenceFields(mutation), mutation.fields)) {
        if (!id.startsWith("tmp:")) continue;
        const message = `${mutation.collection} refers to ${id}, which was never created`;
        return { ok: false, failing, code: "entity-not-found", message };
      }
    }
    return null;
  }
}
