/** What settling works with: what a field has, and a write on its way into the log. */
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Counter, DeviceId, Offset, UserId } from "../ids.ts";
import type { FieldWrite } from "../mutation/entity.ts";
import type { Stamp } from "../time/hlc.ts";
import type { VersionVector } from "../version/version-vector.ts";

/** What a field has, and what its policy remembers of how it came to be. */
export interface FieldState {
  readonly value: JsonValue;
  /** Its last write; `undefined` when it never was written. */
  readonly write: FieldWrite | undefined;
  /** Other writes that the value is made of, which the author of the last one had not seen. */
  readonly others?: readonly FieldWrite[];
  readonly memory: JsonValue | undefined;
}

/** A write on its way into the log. */
export interface IncomingWrite {
  readonly device: DeviceId;
  readonly counter: Counter;
  readonly user: UserId;
  /** The offset that its event gets. */
  readonly offset: Offset;
  /** What its author had seen; the device's own earlier mutations included. */
  readonly seen: VersionVector;
  readonly stamp: Stamp;
  /** The claims of its author's token. */
  readonly claims: JsonObject;
  /** The value, or the change where the field's writes are merged. */
  readonly value: JsonValue;
}
