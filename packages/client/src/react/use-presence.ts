/** Who else is here. */
import { canonicalJson, type JsonValue } from "@tidelock/core";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Member, Room } from "../api/client.ts";
import { useClient } from "./provider.ts";
import { useLive } from "./use-live.ts";

export interface RoomPresence<State extends JsonValue> {
  readonly members: ReadonlyArray<Member<State>>;
  readonly others: ReadonlyArray<Member<State>>;
  readonly self: Member<State> | null;
  /** Says something else without rendering: for cursors. Calls in quick succession are gathered. */
  readonly update: (state: State) => void;
}

const NOBODY: readonly never[] = [];

/**
 * Enters a room while the component is mounted, and says `state` there whenever it changes by value.
 *
 *     const { others, update } = usePresence("board", { name, cursor: null });
 *     <div onPointerMove={(event) => update({ name, cursor: [event.clientX, event.clientY] })} />
 *
 * While the room's name is falsy, no room is entered.
 */
export function usePresence<State extends JsonValue>(
  room: string | null | undefined | false,
  state: State,
): RoomPresence<State> {
  const client = useClient();
  const [entered, setEntered] = useState<Room<State> | null>(null);
  const current = useRef<Room<State> | null>(null);
  const latest = useRef(state);
  const text = canonicalJson(state);

  useEffect(() => {
    latest.current = state;
  });
  useEffect(() => {
    if (!room) return undefined;
    const joined = client.presence.join(room, latest.current);
    current.current = joined;
    setEntered(joined);
    return () => {
      joined.leave();
      current.current = null;
      setEntered(null);
    };
  }, [client, room]);
  useEffect(() => {
    current.current?.update(JSON.parse(text) as State);
  }, [text]);

  const members = useLive<ReadonlyArray<Member<State>>>(entered, NOBODY);
  const update = useCallback((next: State) => current.current?.update(next), []);
  const others = entered?.others ?? NOBODY;
  return { members, others, self: members.find(({ isSelf }) => isSelf) ?? null, update };
}
