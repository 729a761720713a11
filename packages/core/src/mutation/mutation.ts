/**
 * Mutations: what a user intends, before the server has it. The device numbers them 1, 2, 3, …; the number is the dedupe
 * key (promise G03) and the order (G04). A transaction is a run of mutations whose `remaining` counts down to 0.
 */
import type { JsonValue } from "../base/json.ts";
import type { Counter, EntityId, Offset } from "../ids.ts";
import type { Stamp } from "../time/hlc.ts";

/**
 * - `create`, `update`, `delete`: of one entity
 * - `decide`: of a review: `{ "candidate": id }` or `{ "value": value }`
 * - `call`: of a mutator: its name stands in place of the collection, its arguments in place of the fields
 * - `void`: nothing; keeps the place of a mutation that could not be sent
 */
export type Operation = "create" | "update" | "delete" | "decide" | "call" | "void";
export const OPERATIONS: readonly Operation[] = ["create", "update", "delete", "decide", "call", "void"];

/** Field values by name. Never indexed by a name that the schema has not confirmed. */
export type FieldValues = Readonly<Record<string, JsonValue>>;

export interface Mutation {
  readonly counter: Counter;
  readonly operation: Operation;
  readonly collection: string;
  /** Final id, or the temporary id that the device gave. */
  readonly entity: EntityId;
  /** The fields written; empty for a delete. */
  readonly fields: FieldValues;
  /**
   * What the author had seen: everything up to this offset of the log, and all of the device's own earlier mutations.
   * (A version vector in two numbers: the floor, and the device's own dot, which is `counter - 1`.)
   */
  readonly seen: Offset;
  readonly stamp: Stamp;
  /** How many mutations of the same transaction follow. */
  readonly remaining: number;
}
