/** The title and the notes of a card, written where they are read. */
import type { ReactNode } from "react";
import { MAX_TITLE_LENGTH } from "../card/rename.tsx";
import type { Task } from "../schema.ts";
import { useSession } from "../session/board-session.tsx";
import { useDraft } from "./draft.ts";

const MAX_NOTES_LENGTH = 20_000;

export function TitleField({ task }: { readonly task: Task }): ReactNode {
  const { actions } = useSession();
  const draft = useDraft(task.title, (text) => {
    const title = text.trim();
    if (title !== "" && title !== task.title) actions.change(task.id, { title });
  });
  return (
    <div className="card-dialog-title">
      <h2 id="card-dialog-title" className="visually-hidden">
        {task.title}
      </h2>
      <textarea
        className="title-field"
        aria-label="Title"
        value={draft.text}
        maxLength={MAX_TITLE_LENGTH}
        rows={1}
        onChange={(event) => draft.change(event.target.value.replaceAll(/\s+/g, " "))}
        onBlur={draft.flush}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          event.currentTarget.blur();
        }}
      />
      <Outdated isShown={draft.isOutdated} />
    </div>
  );
}

export function NotesField({ task }: { readonly task: Task }): ReactNode {
  const { actions } = useSession();
  const draft = useDraft(task.notes, (notes) => actions.change(task.id, { notes }));
  return (
    <label className="field">
      <span className="field-name">Notes</span>
      <textarea
        className="notes-field"
        value={draft.text}
        maxLength={MAX_NOTES_LENGTH}
        rows={3}
        placeholder="What does somebody need to know to do this?"
        onChange={(event) => draft.change(event.target.value)}
        onBlur={draft.flush}
      />
      <Outdated isShown={draft.isOutdated} />
    </label>
  );
}

function Outdated({ isShown }: { readonly isShown: boolean }): ReactNode {
  if (!isShown) return null;
  return (
    <p className="field-hint" role="status">
      Somebody else has changed this meanwhile. What you type will replace it; the later change stays.
    </p>
  );
}
