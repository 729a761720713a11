/** Everybody who has the board open right now; one's own picture opens the way to another name. */
import type { ReactNode } from "react";
import { Avatar } from "../presence/avatar.tsx";
import { usePeople } from "../presence/presence.tsx";

const SHOWN = 5;

interface PeopleHereProps {
  readonly name: string;
  readonly onRename: () => void;
}

export function PeopleHere({ name, onRename }: PeopleHereProps): ReactNode {
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
      <button type="button" className="people-self" title={`You are ${name}. Change your name`} onClick={onRename}>
        <Avatar name={name} title={`You, ${name}`} />
      </button>
    </div>
  );
}
