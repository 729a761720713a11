/** Everybody who has the board open right now; one's own picture opens the way to another name. */
import type { ReactNode } from "react";
import { Avatar } from "../presence/avatar.tsx";
import { usePeople } from "../presence/presence.tsx";
import type { Person } from "../session/person.ts";
import { ROLE_NAMES } from "../sync/words.ts";

const SHOWN = 5;

interface PeopleHereProps {
  readonly person: Person;
  readonly onName: () => void;
}

export function PeopleHere({ person: { name, role }, onName }: PeopleHereProps): ReactNode {
  const others = usePeople().filter(({ isSelf }) => !isSelf);
  return (
    <div className="people">
      <ul aria-label="Also here">
        {others.slice(0, SHOWN).map((person) => (
          <li key={person.session} data-person={person.name}>
            <Avatar name={person.name} title={person.card === null ? person.name : `${person.name}, editing a card`} />
          </li>
        ))}
        {others.length > SHOWN ? <li className="people-more">+{others.length - SHOWN}</li> : null}
      </ul>
      <button
        type="button"
        className="people-self"
        title={`You are ${name}, ${ROLE_NAMES[role].toLowerCase()}. Change that`}
        onClick={onName}
      >
        <Avatar name={name} title={`You, ${name}`} />
      </button>
    </div>
  );
}
