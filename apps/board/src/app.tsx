/** The page: asks who is here, opens the slot's client, and shows the board. */
import { TidelockProvider } from "@tidelock/client/react";
import { type ReactNode, useState } from "react";
import { Board } from "./board/board.tsx";
import { useBoardData } from "./board/board-data.ts";
import { type Filter, NO_FILTER } from "./board/board-model.ts";
import { useOpenCard } from "./board/route.ts";
import { CardDialog } from "./dialog/card-dialog.tsx";
import { Outbox } from "./outbox/outbox.tsx";
import { PresenceProvider } from "./presence/presence.tsx";
import { OpenReviews } from "./review/open-reviews.tsx";
import { type BoardSession, openSession, SessionProvider } from "./session/board-session.tsx";
import { type Person, personOf, savePerson } from "./session/person.ts";
import type { Slot } from "./session/slots.ts";
import { Announcer } from "./shell/announce.tsx";
import { FilterBar } from "./shell/filter-bar.tsx";
import { Header } from "./shell/header.tsx";
import { type Named, NameDialog } from "./shell/name-dialog.tsx";
import { useShortcuts } from "./shell/shortcuts.ts";
import { Toasts } from "./shell/toasts.tsx";

interface Opened {
  readonly session: BoardSession;
  readonly person: Person;
}

/** Opens the client of a slot whose person is known. To be called once, outside of rendering. */
export function openBoard(slot: Slot): Opened | null {
  const person = personOf(slot);
  return person === null ? null : { person, session: openSession(slot, person) };
}

interface AppProps {
  readonly slot: Slot;
  /** `null` on the first visit. */
  readonly known: Opened | null;
}

export function App({ slot, known }: AppProps): ReactNode {
  const [opened, setOpened] = useState(known);
  if (opened === null) {
    const enter = (person: Named): void => {
      savePerson(slot, person);
      setOpened(openBoard(slot));
    };
    return <NameDialog person={null} onChoose={enter} onClose={() => {}} />;
  }
  const { session, person } = opened;
  return (
    <TidelockProvider client={session.client}>
      <SessionProvider value={session}>
        <PresenceProvider name={person.name}>
          <OpenReviews>
            <Page person={person} onBecome={(next) => setOpened({ session, person: session.become(next) })} />
          </OpenReviews>
        </PresenceProvider>
      </SessionProvider>
    </TidelockProvider>
  );
}

interface PageProps {
  readonly person: Person;
  readonly onBecome: (person: Named) => void;
}

function Page({ person, onBecome }: PageProps): ReactNode {
  const data = useBoardData();
  const card = useOpenCard();
  const [filter, setFilter] = useState<Filter>(NO_FILTER);
  const [isOutboxOpen, setOutboxOpen] = useState(false);
  const [isNaming, setNaming] = useState(false);
  useShortcuts({ onOutbox: () => setOutboxOpen((isOpen) => !isOpen) });

  return (
    <>
      <Header
        person={person}
        isOutboxOpen={isOutboxOpen}
        onOutbox={() => setOutboxOpen(!isOutboxOpen)}
        onName={() => setNaming(true)}
      />
      <FilterBar tasks={data.tasks} filter={filter} onFilter={setFilter} />
      <div className="page-body">
        <Board data={data} filter={filter} />
        {isOutboxOpen ? <Outbox onClose={() => setOutboxOpen(false)} /> : null}
      </div>
      {card === null ? (
        <Voices />
      ) : (
        <CardDialog key={card} id={card} data={data} onRole={() => setNaming(true)}>
          <Voices />
        </CardDialog>
      )}
      {isNaming ? <NameDialog person={person} onChoose={onBecome} onClose={() => setNaming(false)} /> : null}
    </>
  );
}

/** What the page says by itself. A modal dialog silences everything outside of it, so they are inside of the open one. */
function Voices(): ReactNode {
  return (
    <>
      <Toasts />
      <Announcer />
    </>
  );
}
