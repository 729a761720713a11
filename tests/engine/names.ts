/** Branded names for tests: what is written here is known to be well-formed. */
import {
  type DeviceId,
  type EntityId,
  makeStamp,
  parseDeviceId,
  parseEntityId,
  parseRoomName,
  parseSessionId,
  parseTenantId,
  parseUserId,
  type RoomName,
  type SessionId,
  type Stamp,
  type TenantId,
  type UserId,
} from "@tidelock/core";

function must<Value>(value: Value | null, text: string): Value {
  if (value === null) throw new Error(`${text} cannot be a name`);
  return value;
}

export const device = (text: string): DeviceId => must(parseDeviceId(text), text);
export const entity = (text: string): EntityId => must(parseEntityId(text), text);
export const session = (text: string): SessionId => must(parseSessionId(text), text);
export const user = (text: string): UserId => must(parseUserId(text), text);
export const room = (text: string): RoomName => must(parseRoomName(text), text);
export const tenant: TenantId = must(parseTenantId("acme"), "acme");

/** When the stories of the tests begin. */
export const START = Date.UTC(2026, 0, 1);
/** A stamp some milliseconds after the beginning. */
export const stampAt = (millis: number): Stamp => makeStamp(START + millis, 0);
