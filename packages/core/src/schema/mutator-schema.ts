/** What the engines know of a mutator. */
import type { JsonObject } from "../base/json.ts";
import type { Millis } from "../ids.ts";
import type { FieldSchema } from "./field.ts";

/** Where and for whom a mutator runs. */
export interface MutatorContext {
  /** `null` on a device that has not been connected yet. */
  readonly user: string | null;
  /** The claims of the user's token; empty on the device. */
  readonly claims: JsonObject;
  /** When the user did it, milliseconds since 1970: the same on the device and on the server. */
  readonly time: Millis;
  readonly location: "device" | "server";
  /** Ends the mutator: nothing that it did stands, and the user is told why. */
  readonly refuse: (reason: string) => never;
}

export interface MutatorSchema {
  readonly name: string;
  readonly args: readonly FieldSchema[];
  readonly run: (transaction: unknown, args: JsonObject, context: MutatorContext) => unknown;
}
