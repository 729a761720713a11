/** What a tab works with: its client, what can be done, and what is told. Made once, when it is known who sits here. */
import { createContext, useContext } from "react";
import { type BoardActions, boardActions } from "../board/actions.ts";
import { Notices } from "../sync/notices.ts";
import { RecentlySynced } from "../sync/recently-synced.ts";
import { tellConflicts } from "../sync/tell-conflicts.ts";
import { tellDecisions } from "../sync/tell-decisions.ts";
import { tellTroubles } from "../sync/tell-troubles.ts";
import { introduce } from "./introduce.ts";
import { sendLeftBehind } from "./left-behind.ts";
import { SOMEBODY } from "./names.ts";
import { isSwitchedOff, rememberSwitch } from "./offline-switch.ts";
import { type BoardClient, openClient } from "./open-client.ts";
import { type Person, personOf, savePerson } from "./person.ts";
import type { Slot } from "./slots.ts";

export interface BoardSession {
  readonly slot: Slot;
  readonly client: BoardClient;
  readonly actions: BoardActions;
  readonly notices: Notices;
  readonly synced: RecentlySynced;
  readonly startsOffline: boolean;
  /** Who sits here. The same function for the page's life. */
  readonly person: () => Person;
  switchOffline(isOff: boolean): void;
  /** Another name, another role. The server hears of a role with the next token. */
  become(next: Pick<Person, "name" | "role">): Person;
}

export function openSession(slot: Slot, known: Person): BoardSession {
  const startsOffline = isSwitchedOff();
  const person = (): Person => personOf(slot) ?? known;
  const client = openClient(slot, person, !startsOffline);
  const notices = new Notices();
  const actions = boardActions(client, notices, person);
  let stop = new AbortController();
  const sendOthers = async (): Promise<void> => {
    stop = new AbortController();
    const count = await sendLeftBehind(slot, stop.signal);
    const changes = count === 1 ? "change" : "changes";
    if (count > 0) notices.add({ title: `Sent ${count} ${changes} of a tab that was closed offline` });
  };
  if (!startsOffline) void sendOthers();
  // Names are needed at any time, also for what is told while nobody shows them.
  client.people.query().subscribe(() => {});
  const nameOf = (user: string | null): string => client.people.get(user ?? "")?.name ?? SOMEBODY;
  tellTroubles(client, notices);
  tellConflicts({ client, notices, actions, person, nameOf });
  tellDecisions({ client, notices, person, nameOf });
  // Who cannot be written down now is written down when the page opens again.
  introduce(client, person()).catch(() => undefined);
  return {
    slot,
    client,
    notices,
    startsOffline,
    actions,
    person,
    synced: new RecentlySynced(client),
    switchOffline(isOff) {
      rememberSwitch(isOff);
      if (isOff) {
        stop.abort();
        client.goOffline();
      } else {
        client.goOnline();
        void sendOthers();
      }
    },
    become(next) {
      const saved = savePerson(slot, next);
      // What is sent from here on is sent with the new name and role.
      if (!isSwitchedOff()) {
        client.goOffline();
        client.goOnline();
      }
      introduce(client, saved).catch(() => undefined);
      return saved;
    },
  };
}

const SessionContext = createContext<BoardSession | null>(null);
export const SessionProvider = SessionContext.Provider;

export function useSession(): BoardSession {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("There is no session above this component.");
  return session;
}
