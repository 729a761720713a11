/**
 * Presence on the device: the rooms it is in, what it says of itself there, and who else is there. Never stored. What the
 * device says is gathered and sent at most every `PRESENCE_INTERVAL_MS`; each fact has a Lamport time.
 */
import {
  type DeviceId,
  type JsonValue,
  LamportClock,
  type MemberRow,
  type PresenceRequest,
  type RoomName,
  type SessionId,
  type UserId,
} from "@tidelock/core";

export const PRESENCE_INTERVAL_MS = 40;

export interface Member {
  readonly session: SessionId;
  readonly device: DeviceId;
  readonly user: UserId;
  readonly clock: number;
  readonly state: JsonValue;
  /** Whether this is the device itself. */
  readonly self: boolean;
}

interface Room {
  state: JsonValue;
  joined: boolean;
  changed: boolean;
  members: Map<SessionId, Member>;
  /** The members as last read; made anew after a change. */
  list: readonly Member[] | null;
}

const NOBODY: readonly Member[] = [];

export class Rooms {
  readonly #clock = new LamportClock();
  readonly #rooms = new Map<RoomName, Room>();
  readonly #left = new Set<RoomName>();

  /** Says something in a room, entering it if need be. */
  set(name: RoomName, state: JsonValue): void {
    const room = this.#rooms.get(name);
    this.#left.delete(name);
    if (room === undefined)
      this.#rooms.set(name, { state, joined: false, changed: true, members: new Map(), list: null });
    else Object.assign(room, { state, changed: true });
  }

  leave(name: RoomName): void {
    const room = this.#rooms.get(name);
    if (room?.joined === true) this.#left.add(name);
    this.#rooms.delete(name);
  }

  get pending(): boolean {
    return this.#left.size > 0 || [...this.#rooms.values()].some((room) => room.changed);
  }

  /** What is to be said now. */
  gather(): PresenceRequest[] {
    const requests: PresenceRequest[] = [];
    for (const room of this.#left)
      requests.push({ type: "presence", room, action: "leave", clock: this.#clock.tick(), state: null });
    this.#left.clear();
    for (const [name, room] of this.#rooms) {
      if (!room.changed) continue;
      requests.push({
        type: "presence",
        room: name,
        action: room.joined ? "update" : "join",
        clock: this.#clock.tick(),
        state: room.state,
      });
      room.joined = true;
      room.changed = false;
    }
    return requests;
  }

  /** The connection is gone: nobody is known, and everything must be said again. Answers which rooms that concerns. */
  disconnected(): RoomName[] {
    this.#left.clear();
    for (const room of this.#rooms.values())
      Object.assign(room, { joined: false, changed: true, members: new Map(), list: null });
    return [...this.#rooms.keys()];
  }

  /** Takes an update in. Answers whether the room is one of the device's. */
  receive(name: RoomName, whole: boolean, rows: readonly MemberRow[], self: SessionId | null): boolean {
    const room = this.#rooms.get(name);
    if (room === undefined) return false;
    if (whole) room.members = new Map();
    for (const [session, device, user, clock, state] of rows) {
      this.#clock.observe(clock);
      if (state === null) room.members.delete(session);
      else if ((room.members.get(session)?.clock ?? -1) <= clock) {
        room.members.set(session, { session, device, user, clock, state, self: session === self });
      }
    }
    room.list = null;
    return true;
  }

  members(name: RoomName): readonly Member[] {
    const room = this.#rooms.get(name);
    if (room === undefined) return NOBODY;
    room.list ??= [...room.members.values()];
    return room.list;
  }
}
