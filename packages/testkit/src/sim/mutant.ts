/**
 * Planted bugs: ways to bend what the world does between the engines and their disks and wires, so that a run behaves as
 * if an engine had a certain bug. The checkers must catch each of them; `mutants.ts` has the list.
 */
import type { ClientMessage, Schema, ServerMessage } from "@tidelock/core";
import type { ReplicaEffect, ReplicaInput } from "@tidelock/client/engine";
import type { HubEffect, HubInput, HubOptions } from "@tidelock/server/engine";
import type { StorageModel } from "./storage-model.ts";
import type { StoreModel } from "./store-model.ts";

/** Each member bends one place; a healthy world has none. */
export interface Mutant {
  readonly name: string;
  readonly storage?: (disk: StorageModel) => StorageModel;
  readonly store?: (disk: StoreModel) => StoreModel;
  /** What devices take the schema for. */
  readonly replicaSchema?: (schema: Schema) => Schema;
  readonly hubOptions?: (options: HubOptions) => HubOptions;
  readonly hubInput?: (input: HubInput) => readonly HubInput[];
  readonly hubEffects?: (effects: readonly HubEffect[]) => readonly HubEffect[];
  readonly replicaInput?: (input: ReplicaInput, device: string) => readonly ReplicaInput[];
  readonly replicaEffects?: (effects: readonly ReplicaEffect[], device: string) => readonly ReplicaEffect[];
  /** Changes what arrives; an empty list loses it. */
  readonly down?: (message: ServerMessage, session: string) => readonly ServerMessage[];
  readonly up?: (message: ClientMessage, session: string) => readonly ClientMessage[];
  /** Appends are answered before they are written. */
  readonly hasEarlyAppends?: boolean;
  /** Writes of devices are answered before they are on the disk. */
  readonly hasEarlyPersists?: boolean;
}

/** Makes a bug anew for each run: some count, and none may remember the run before. */
export type MakeMutant = () => Mutant;

export const HEALTHY: Mutant = { name: "none" };
