/**
 * The presence desk: who may enter a room, and who hears what when. What a session misses while its socket is full is not
 * kept; it hears the whole room anew when it has drained, and always after the changes.
 */
import { type ErrorCode, ERRORS, type PresenceRequest, type RoomName, type SessionId } from "@tidelock/core";
import type { OutboundMessage } from "./effect.ts";
import type { HubContext, HubOptions } from "./ports.ts";
import { Presence } from "./presence.ts";
import type { Session } from "./session.ts";

export interface PresenceHost {
  readonly context: HubContext;
  readonly mayEnter: HubOptions["rooms"];
  readonly session: (id: SessionId) => Session | undefined;
  readonly send: (sessions: readonly SessionId[], message: OutboundMessage) => void;
  readonly refuse: (session: SessionId, code: ErrorCode, message: string, room: RoomName) => void;
}

export class PresenceDesk {
  readonly #host: PresenceHost;
  readonly #presence = new Presence();

  constructor(host: PresenceHost) {
    this.#host = host;
  }

  /** Whether `gather` has something to send. */
  get pending(): boolean {
    return this.#presence.pending;
  }

  take(session: Session, request: PresenceRequest): void {
    const { id, device, principal } = session;
    const { room } = request;
    const refused = request.action === "join" ? this.#entryRefusal(session, room) : null;
    if (refused !== null) return this.#host.refuse(id, refused, `room ${room} is not open to you`, room);
    const author = { session: id, device: device.device, user: principal.user };
    const { refusal, whole } = this.#presence.handle(author, request);
    if (refusal !== undefined) return this.#host.refuse(id, refusal, ERRORS[refusal].message, room);
    if (whole !== undefined) this.#host.send([id], { type: "presence", room, whole: true, members: whole });
  }

  /** Whether the session may still be in all its rooms: its rights may have changed since it entered. */
  mayStay(session: Session): boolean {
    for (const room of this.#presence.roomsOf(session.id)) {
      if (this.#entryRefusal(session, room) !== null) return false;
    }
    return true;
  }

  /** Why the user may not enter; a rule that throws lets nobody in. */
  #entryRefusal({ principal }: Session, room: RoomName): ErrorCode | null {
    const { mayEnter, context } = this.#host;
    if (mayEnter === undefined) return null;
    try {
      return mayEnter(context.ruleContext(principal), room) === true ? null : "forbidden";
    } catch (error) {
      const problem = error instanceof Error ? error.message : "it threw";
      context.emit({ type: "log", level: "error", message: "the rule of rooms failed", facts: { problem } });
      return "rule-failed";
    }
  }

  /** Sends what changed since the last time. */
  gather(): void {
    for (const { room, members, to } of this.#presence.gather()) {
      const sessions = to.filter((id) => !this.#misses(id, room));
      if (sessions.length > 0) this.#host.send(sessions, { type: "presence", room, whole: false, members });
    }
  }

  #misses(id: SessionId, room: RoomName): boolean {
    const session = this.#host.session(id);
    if (session === undefined || session.blockedSince === null) return session === undefined;
    session.missedRooms.add(room);
    return true;
  }

  /** The session's socket takes more: it hears anew of the rooms of which it missed something. */
  drained(session: Session): void {
    for (const room of this.#presence.roomsOf(session.id)) {
      if (!session.missedRooms.has(room)) continue;
      this.#host.send([session.id], { type: "presence", room, whole: true, members: this.#presence.whole(room) });
    }
    session.missedRooms.clear();
  }

  sessionClosed(id: SessionId): void {
    this.#presence.sessionClosed(id);
  }
}
