/**
 * Presence rooms. A client is in a room once, however many parts of it have joined: the session says one state, the last
 * one given, and leaves with the last of them.
 */
import {
  exceedsBytes,
  jsonProblem,
  type JsonValue,
  MAX_PRESENCE_BYTES,
  MAX_VALUE_DEPTH,
  parseRoomName,
  type RoomName,
  TidelockError,
} from "@tidelock/core";
import type { ReplicaInput } from "../engine/input.ts";
import type { Member, Presence, Room, Unsubscribe } from "./client.ts";
import { Derived, keepIfEqual, keepIfSame, type Notifier } from "./notifier.ts";
import type { PresenceMember, ReplicaView } from "./replica-view.ts";

type Members = readonly Member[];

export interface RoomsOptions {
  readonly replica: ReplicaView;
  readonly notifier: Notifier;
  readonly dispatch: (input: ReplicaInput) => void;
}

export class Rooms implements Presence {
  readonly #options: RoomsOptions;
  readonly #joined = new Map<RoomName, JoinedRoom>();

  constructor(options: RoomsOptions) {
    this.#options = options;
  }

  join<State extends JsonValue>(name: string, state: State): Room<State> {
    const room = parseRoomName(name);
    if (room === null) throw new TidelockError("invalid-value", `${JSON.stringify(name)} cannot be the name of a room`);
    checkState(state);
    const joined = this.#joined.get(room) ?? new JoinedRoom(room, this.#options);
    this.#joined.set(room, joined);
    joined.handles += 1;
    joined.say(state);
    const leave = (): void => {
      joined.handles -= 1;
      if (joined.handles > 0) return;
      this.#joined.delete(room);
      this.#options.dispatch({ type: "presence-leave", room });
    };
    // States of one room have one type: that of whoever uses the room.
    return new RoomHandle(joined, leave) as unknown as Room<State>;
  }

  changed(room: RoomName): void {
    this.#joined.get(room)?.members.invalidate();
  }
}

class JoinedRoom {
  readonly name: RoomName;
  readonly members: Derived<Members>;
  handles = 0;
  readonly #dispatch: (input: ReplicaInput) => void;

  constructor(name: RoomName, { replica, notifier, dispatch }: RoomsOptions) {
    this.name = name;
    this.#dispatch = dispatch;
    let known = new Map<string, Member>();
    this.members = new Derived<Members>(notifier, (last) => {
      const next = new Map<string, Member>();
      for (const member of replica.presence(name)) {
        next.set(member.session, keepIfEqual(known.get(member.session), publicMember(member)));
      }
      known = next;
      return keepIfSame(last, [...next.values()]);
    });
  }

  say(state: JsonValue): void {
    this.#dispatch({ type: "presence", room: this.name, state });
  }
}

class RoomHandle implements Room {
  readonly #joined: JoinedRoom;
  readonly #leave: () => void;
  #hasLeft = false;
  #othersOf: Members | undefined;
  #others: Members = [];

  constructor(joined: JoinedRoom, leave: () => void) {
    this.#joined = joined;
    this.#leave = leave;
  }

  get name(): string {
    return this.#joined.name;
  }
  get value(): Members {
    return this.#joined.members.value;
  }
  get members(): Members {
    return this.value;
  }
  get others(): Members {
    if (this.#othersOf !== this.value) {
      this.#othersOf = this.value;
      this.#others = this.value.filter(({ isSelf }) => !isSelf);
    }
    return this.#others;
  }

  subscribe(listener: (members: Members) => void): Unsubscribe {
    return this.#joined.members.subscribe(listener);
  }

  update(state: JsonValue): void {
    checkState(state);
    if (!this.#hasLeft) this.#joined.say(state);
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#leave();
  }
}

function publicMember({ session, device, user, state, self }: PresenceMember): Member {
  return { session, device, user, state, isSelf: self };
}

function checkState(state: unknown): void {
  const problem = jsonProblem(state, MAX_VALUE_DEPTH);
  if (problem !== null) throw new TidelockError("invalid-value", `a presence state must be plain JSON (${problem})`);
  if (state === null)
    throw new TidelockError("invalid-value", "a presence state must not be null: leave the room instead");
  if (exceedsBytes(JSON.stringify(state), MAX_PRESENCE_BYTES)) throw new TidelockError("presence-too-large");
}
