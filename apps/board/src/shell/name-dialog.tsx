/** Who are you? Asked on the first visit, and again whenever somebody wants another name or role. */
import { Dices } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Avatar } from "../presence/avatar.tsx";
import { type Role, ROLES } from "../schema.ts";
import { type Person, randomName } from "../session/person.ts";
import { ROLE_NAMES } from "../sync/words.ts";
import { Mark } from "./mark.tsx";

const ROLE_WORDS: Readonly<Record<Role, string>> = {
  member: "works on everything",
  lead: "also decides conflicts, and has the last word on priorities",
};

export type Named = Pick<Person, "name" | "role">;

interface NameDialogProps {
  /** `null` on the first visit, when there is no way around it. */
  readonly person: Named | null;
  readonly onChoose: (person: Named) => void;
  readonly onClose: () => void;
}

export function NameDialog({ person: known, onChoose, onClose }: NameDialogProps): ReactNode {
  const [name, setName] = useState(() => known?.name ?? randomName());
  const [role, setRole] = useState<Role>(known?.role ?? "member");
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    field.current?.select();
  }, []);
  const choose = (): void => {
    if (name.trim() === "") return;
    onChoose({ name: name.trim(), role });
    dialog.current?.close();
  };
  return (
    <dialog
      ref={dialog}
      className="dialog name-dialog"
      aria-labelledby="name-dialog-title"
      onCancel={(event) => (known === null ? event.preventDefault() : undefined)}
      onClose={onClose}
    >
      <form
        className="dialog-body"
        onSubmit={(event) => {
          event.preventDefault();
          choose();
        }}
      >
        <Mark size={40} />
        <h1 id="name-dialog-title">{known === null ? "Welcome aboard" : "Who you are"}</h1>
        <p className="is-soft">
          {known === null
            ? "This board is shared, live, and works offline. Choose who you are; every window can be somebody else."
            : "The others see your name at your pointer and at what you write."}
        </p>
        <div className="name-row">
          <Avatar name={name} isDecorative />
          <input
            ref={field}
            aria-label="Name"
            value={name}
            maxLength={30}
            autoComplete="off"
            onChange={(event) => setName(event.target.value)}
          />
          <button
            type="button"
            className="icon-button"
            aria-label="Another name"
            title="Another name"
            onClick={() => setName(randomName())}
          >
            <Dices size={18} />
          </button>
        </div>
        <fieldset className="role-choice">
          <legend className="visually-hidden">Role</legend>
          {ROLES.map((each) => (
            <label key={each}>
              <input type="radio" name="role" value={each} checked={role === each} onChange={() => setRole(each)} />
              <span>
                <strong>{ROLE_NAMES[each]}</strong>
                <small>{ROLE_WORDS[each]}</small>
              </span>
            </label>
          ))}
        </fieldset>
        <button type="submit" className="button is-primary" disabled={name.trim() === ""}>
          {known === null ? "Open the board" : "Save"}
        </button>
      </form>
    </dialog>
  );
}
