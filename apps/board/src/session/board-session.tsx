/** What a tab works with: its client, what can be done, and what is told. Made once, when it is known who sits here. */
import { createContext, useContext } from "react";
import { type BoardActions, boardActions } from "../board/actions.ts";
import { History } from "../sync/history.ts";
import { Notices } from "../sync/notices.ts";
import { sendLeftBehind } from "./left-behind.ts";
import { isSwitchedOff, rememberSwitch } from "./offline-switch.ts";
import { type BoardClient, openClient } from "./open-client.ts";
import { type Person, personOf, savePerson } from "./person.ts";
import type { Slot } from "./slots.ts";

export interface BoardSession {
  readonly slot: Slot;
  readonly client: BoardClient;
  readonly actions: BoardActions;
  readonly notices: Notices;
  readonly history: History;
  readonly startsOffline: boolean;
  switchOffline(isOff: boolean): void;
  rename(name: string): Person;
}

export function openSession(slot: Slot, known: Person): BoardSession {
  const startsOffline = isSwitchedOff();
  const person = (): Person => personOf(slot) ?? known;
  const client = openClient(slot, person, !startsOffline);
  const notices = new Notices();
  let stop = new AbortController();
  const sendOthers = async (): Promise<void> => {
    stop = new AbortController();
    const count = await sendLeftBehind(slot, stop.signal);
    const changes = count === 1 ? "change" : "changes";
    if (count > 0) notices.add({ title: `Sent ${count} ${changes} of a tab that was closed offline` });
  };
  if (!startsOffline) void sendOthers();
  tellTroubles(client, notices);
  return {
    slot,
    client,
    notices,
    startsOffline,
    actions: boardActions(client, notices, person),
    history: new History(client),
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
    rename: (name) => savePerson(slot, name),
  };
}

function tellTroubles(client: BoardClient, notices: Notices): void {
  client.opened.catch((error: unknown) => {
    notices.add({
      tone: "problem",
      isSticky: true,
      title: "This device's copy could not be opened",
      text: String(error),
    });
  });
  client.on("trouble", ({ code, message }) => notices.add({ tone: "problem", title: message, text: code }));
  client.on("rejected", ({ collection, id, message }) => {
    const title = collection === "tasks" ? client.tasks.get(id)?.title : undefined;
    notices.add({
      tone: "problem",
      title: title === undefined ? "The server refused a change" : `The server refused a change of “${title}”`,
      text: `${message}. It waits in the outbox.`,
    });
  });
  client.on("upgrade", ({ required, message, url }) => {
    notices.add({
      isSticky: true,
      title: required ? "This version of the board can no longer connect" : "There is a newer version of the board",
      text: message,
      actions: [{ label: "Reload", run: () => (url === "" ? location.reload() : location.assign(url)) }],
    });
  });
}

const SessionContext = createContext<BoardSession | null>(null);
export const SessionProvider = SessionContext.Provider;

export function useSession(): BoardSession {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("There is no session above this component.");
  return session;
}
