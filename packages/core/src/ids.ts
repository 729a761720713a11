/**
 * Names of things, as branded text, so that an entity's id cannot be passed for a device's. The only casts of the
 * repository are here, each behind a check. What a check accepts is safe in JSON text, SQL parameters, URLs and log lines
 * without escaping, which the codecs and storages rely on; a user's id comes from a token, and in a URL it is escaped.
 */
declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Isolation unit; has one ordered log. */
export type TenantId = Branded<"TenantId">;
/** One durable replica (an installation). */
export type DeviceId = Branded<"DeviceId">;
/** One live connection of a device. */
export type SessionId = Branded<"SessionId">;
/** The person or service that a token names. */
export type UserId = Branded<"UserId">;
/** One record of a collection; final or temporary. */
export type EntityId = Branded<"EntityId">;
/** Incarnation of a tenant's log; changes when a server is restored from a backup. */
export type Epoch = Branded<"Epoch">;
/** A presence room. */
export type RoomName = Branded<"RoomName">;

/** Position of an event in its tenant's log: 1, 2, 3, … without gaps; 0 is before the first event. */
export type Offset = number;
/** A device's mutation sequence number: 1, 2, 3, … without gaps. */
export type Counter = number;
/** Milliseconds since 1970-01-01T00:00:00Z, or a span of milliseconds. */
export type Millis = number;

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const ENTITY = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;
const USER = /^[^\s\p{C}"'<>\\]{1,128}$/u;

/** 1 to 64 characters of `A-Z a-z 0-9 _ . -`, starting with a letter or digit. */
export function isName(text: unknown): text is string {
  return typeof text === "string" && NAME.test(text);
}
/** A tenant: a name. */
export function parseTenantId(text: unknown): TenantId | null {
  return isName(text) ? (text as TenantId) : null;
}
/** A device: a name. */
export function parseDeviceId(text: unknown): DeviceId | null {
  return isName(text) ? (text as DeviceId) : null;
}
/** A session: a name. */
export function parseSessionId(text: unknown): SessionId | null {
  return isName(text) ? (text as SessionId) : null;
}
/** An epoch: a name. */
export function parseEpoch(text: unknown): Epoch | null {
  return isName(text) ? (text as Epoch) : null;
}
/** A room: 1 to 128 characters of `A-Z a-z 0-9 _ . : -`. */
export function parseRoomName(text: unknown): RoomName | null {
  return typeof text === "string" && ENTITY.test(text) ? (text as RoomName) : null;
}
/** An entity: 1 to 128 characters of `A-Z a-z 0-9 _ . : -`, starting with a letter or digit. */
export function parseEntityId(text: unknown): EntityId | null {
  return typeof text === "string" && ENTITY.test(text) ? (text as EntityId) : null;
}
/** A user: 1 to 128 visible characters without quotes, backslashes and angle brackets (e-mail addresses pass). */
export function parseUserId(text: unknown): UserId | null {
  return typeof text === "string" && USER.test(text) ? (text as UserId) : null;
}

const TEMPORARY = /^tmp:[A-Za-z0-9][A-Za-z0-9_.-]{0,63}:[0-9a-z]{1,11}$/;

/** The temporary id that a device gives to an entity whose final id the server will assign. */
export function temporaryId(device: DeviceId, counter: Counter): EntityId {
  return `tmp:${device}:${counter.toString(36)}` as EntityId;
}
/** Whether an entity id is temporary. */
export function isTemporaryId(id: EntityId): boolean {
  return id.startsWith("tmp:") && TEMPORARY.test(id);
}

/**
 * A UUIDv7 (RFC 9562, section 5.7): 48 bits of time, then randomness, so that ids made later sort later.
 * @param now milliseconds since 1970
 * @param random 10 random bytes
 */
export function uuidv7(now: Millis, random: Uint8Array): string {
  const time = Math.max(0, Math.floor(now)).toString(16).padStart(12, "0").slice(-12);
  let tail = "";
  for (let index = 0; index < 10; index++) {
    let byte = random[index] ?? 0;
    if (index === 0) byte = (byte & 0x0f) | 0x70;
    if (index === 2) byte = (byte & 0x3f) | 0x80;
    tail += byte.toString(16).padStart(2, "0");
  }
  return `${time.slice(0, 8)}-${time.slice(8)}-${tail.slice(0, 4)}-${tail.slice(4, 8)}-${tail.slice(8)}`;
}
