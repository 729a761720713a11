/** Who are you? Asked on the first visit, and again whenever somebody wants another name. */
import { Dices } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Avatar } from "../presence/avatar.tsx";
import { randomName } from "../session/person.ts";
import { Mark } from "./mark.tsx";

interface NameDialogProps {
  /** `null` on the first visit, when there is no way around it. */
  readonly name: string | null;
  readonly onChoose: (name: string) => void;
  readonly onClose: () => void;
}

export function NameDialog({ name: known, onChoose, onClose }: NameDialogProps): ReactNode {
  const [name, setName] = useState(() => known ?? randomName());
  const dialog = useRef<HTMLDialogElement>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    field.current?.select();
  }, []);
  const choose = (): void => {
    if (name.trim() === "") return;
    onChoose(name.trim());
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
        <h1 id="name-dialog-title">{known === null ? "Welcome aboard" : "Your name"}</h1>
        <p className="is-soft">
          {known === null
            ? "This board is shared, live, and works offline. Choose the name that the others will see; every window can be somebody else."
            : "The others see it at your pointer and at what you write."}
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
        <button type="submit" className="button is-primary" disabled={name.trim() === ""}>
          {known === null ? "Open the board" : "Save"}
        </button>
      </form>
    </dialog>
  );
}
