/** The engine: a pure machine that a runtime, or a simulator, drives. Unstable: it changes with minor versions. */
export type { ReplicaEffect } from "./effect.ts";
export type { Intent, ReplicaInput, ReplicaTimer } from "./input.ts";
export type {
  StoreBatch,
  StoredFacts,
  StoredMutation,
  StoredReplica,
  StoredRow,
  StoredSubscription,
} from "./records.ts";
export { Replica, type ReplicaOptions } from "./replica.ts";
export type { Phase, ReplicaStatus, SyncState } from "./status.ts";
export type { Member } from "./rooms.ts";
export type { EntityView } from "./view.ts";
