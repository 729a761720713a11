/**
 * Presence: who is in which room, and what they say of themselves. Facts of one session, written only by it, ordered by
 * its own Lamport clock; never stored; gathered and sent at a bounded rate (promise G27).
 */
import {
  compareLamport,
  type DeviceId,
  type ErrorCode,
  type JsonValue,
  MAX_PRESENCE_BYTES,
  MAX_ROOMS,
  type MemberRow,
  type PresenceRequest,
  type RoomName,
  type SessionId,
  type UserId,
} from "@tidelock/core";

interface Member {
  readonly session: SessionId;
  readonly device: DeviceId;
  readonly user: UserId;
  clock: number;
  state: JsonValue;
}

export interface PresenceAuthor {
  readonly session: SessionId;
  readonly device: DeviceId;
  readonly user: UserId;
}

export interface RoomUpdate {
  readonly room: RoomName;
  readonly members: readonly MemberRow[];
  readonly to: readonly SessionId[];
}

export class Presence {
  readonly #rooms = new Map<RoomName, Map<SessionId, Member>>();
  /** What changed since the last `gather`: the newest row of each session; state `null` when gone. */
  readonly #changed = new Map<RoomName, Map<SessionId, MemberRow>>();
  readonly #roomsOf = new Map<SessionId, Set<RoomName>>();

  /** Whether `gather` has something to send. */
  get pending(): boolean {
    return this.#changed.size > 0;
  }

  /** Takes a request in. Answers with a code when it is refused; `whole` is the room as a joiner must see it. */
  handle(author: PresenceAuthor, request: PresenceRequest): { refusal?: ErrorCode; whole?: readonly MemberRow[] } {
    if (request.action === "leave") {
      this.#leave(author.session, request.room);
      return {};
    }
    if (JSON.stringify(request.state).length > MAX_PRESENCE_BYTES) return { refusal: "presence-too-large" };
    // `null` on the wire means "gone", so an empty state is an empty object.
    const state = request.state ?? {};
    const rooms = this.#roomsOf.get(author.session) ?? new Set();
    const members = this.#rooms.get(request.room) ?? new Map<SessionId, Member>();
    const known = members.get(author.session);
    if (known === undefined) {
      if (request.action === "update") return {};
      if (rooms.size >= MAX_ROOMS) return { refusal: "too-many-rooms" };
      members.set(author.session, { ...author, clock: request.clock, state });
      this.#rooms.set(request.room, members);
      this.#roomsOf.set(author.session, rooms.add(request.room));
    } else {
      const stamp = { time: request.clock, writer: author.session };
      if (compareLamport(stamp, { time: known.clock, writer: known.session }) <= 0) return {};
      known.clock = request.clock;
      known.state = state;
    }
    this.#note(request.room, author, request.clock, state);
    if (request.action === "update") return {};
    return { whole: [...members.values()].map(row) };
  }

  /** A session ended: it leaves all its rooms. */
  sessionClosed(session: SessionId): void {
    for (const room of this.#roomsOf.get(session) ?? []) this.#leave(session, room);
    this.#roomsOf.delete(session);
  }

  /** What changed since the last call, by room, with those who should hear of it. */
  gather(): RoomUpdate[] {
    const updates: RoomUpdate[] = [];
    for (const [room, rows] of this.#changed) {
      const to = [...(this.#rooms.get(room)?.keys() ?? [])];
      if (to.length > 0) updates.push({ room, members: [...rows.values()], to });
    }
    this.#changed.clear();
    return updates;
  }

  /** Everyone in a room, for a session that missed updates. */
  whole(room: RoomName): readonly MemberRow[] {
    return [...(this.#rooms.get(room)?.values() ?? [])].map(row);
  }

  roomsOf(session: SessionId): Iterable<RoomName> {
    return this.#roomsOf.get(session) ?? [];
  }

  #leave(session: SessionId, room: RoomName): void {
    const members = this.#rooms.get(room);
    const member = members?.get(session);
    if (members === undefined || member === undefined) return;
    members.delete(session);
    if (members.size === 0) this.#rooms.delete(room);
    this.#roomsOf.get(session)?.delete(room);
    this.#note(room, member, member.clock, null);
  }

  #note(room: RoomName, author: PresenceAuthor, clock: number, state: JsonValue): void {
    const rows = this.#changed.get(room) ?? new Map<SessionId, MemberRow>();
    rows.set(author.session, [author.session, author.device, author.user, clock, state]);
    this.#changed.set(room, rows);
  }
}

function row(member: Member): MemberRow {
  return [member.session, member.device, member.user, member.clock, member.state];
}
