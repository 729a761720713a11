/**
 * Who is here: everybody in the room “board”, which card they have open, what they drag, and where their pointer is.
 *
 * Pointers move all the time, people do not: they are two contexts, so that a moving pointer renders only the pointers.
 */
import { canonicalJson } from "@tidelock/core";
import { usePresence } from "@tidelock/client/react";
import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";
import type { Cursor } from "./cursor-place.ts";

// A type alias, because an interface would not be JSON to the compiler.
type Here = { readonly name: string; readonly card: string | null; readonly cursor: Cursor | null };

export interface Present {
  /** One per window. */
  readonly session: string;
  readonly name: string;
  readonly card: string | null;
  readonly isSelf: boolean;
}

export interface RemoteCursor {
  readonly session: string;
  readonly name: string;
  readonly cursor: Cursor;
}

interface Voice {
  readonly point: (cursor: Cursor | null) => void;
  /** Says which card is being edited here. */
  readonly edit: (card: string | null) => void;
}

const PeopleContext = createContext<readonly Present[]>([]);
const CursorsContext = createContext<readonly RemoteCursor[]>([]);
const VoiceContext = createContext<Voice>({ point: () => {}, edit: () => {} });

export function PresenceProvider({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ReactNode;
}): ReactNode {
  const [card, setCard] = useState<string | null>(null);
  const { members, update } = usePresence<Here>("board", { name, card, cursor: null });

  const present = members.map(({ session, isSelf, state }) => ({
    session,
    isSelf,
    name: state.name,
    card: state.card,
  }));
  const people = useSameWhileEqual(present);
  const cursors = useMemo(
    () =>
      members.flatMap(({ session, isSelf, state }) =>
        isSelf || state.cursor === null ? [] : [{ session, name: state.name, cursor: state.cursor }],
      ),
    [members],
  );
  const point = useCallback((cursor: Cursor | null) => update({ name, card, cursor }), [update, name, card]);
  const voice = useMemo(() => ({ point, edit: setCard }), [point]);

  return (
    <VoiceContext value={voice}>
      <PeopleContext value={people}>
        <CursorsContext value={cursors}>{children}</CursorsContext>
      </PeopleContext>
    </VoiceContext>
  );
}

/** The same object until something in it has changed. */
function useSameWhileEqual(people: readonly Present[]): readonly Present[] {
  const text = canonicalJson(people.map((present) => ({ ...present })));
  // oxlint-disable-next-line react/exhaustive-deps -- the text says everything that is in it
  return useMemo(() => people, [text]);
}

export function usePeople(): readonly Present[] {
  return useContext(PeopleContext);
}
export function useCursors(): readonly RemoteCursor[] {
  return useContext(CursorsContext);
}
export function useVoice(): Voice {
  return useContext(VoiceContext);
}

/** The others who have this card open. */
export function useEditors(card: string): readonly Present[] {
  const people = usePeople();
  return useMemo(() => people.filter((person) => !person.isSelf && person.card === card), [people, card]);
}
