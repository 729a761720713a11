/** Everything about one card, in a dialog. While it is open, the others see that the card is being edited. */
import { useEntity } from "@tidelock/client/react";
import { Trash2, X } from "lucide-react";
import { type ReactNode, useEffect, useLayoutEffect, useMemo, useRef } from "react";
import type { BoardData } from "../board/board-data.ts";
import { closeCard } from "../board/route.ts";
import { SyncMark } from "../card/sync-mark.tsx";
import { Checklist } from "../checklist/checklist.tsx";
import { Avatar } from "../presence/avatar.tsx";
import { useEditors, useVoice } from "../presence/presence.tsx";
import { useReviewsOf } from "../review/open-reviews.tsx";
import { OwnConflicts } from "../review/own-conflicts.tsx";
import { ReviewPanel } from "../review/review-panel.tsx";
import type { Task } from "../schema.ts";
import { useSession } from "../session/board-session.tsx";
import { dateText } from "../sync/words.ts";
import { Activity } from "./activity.tsx";
import { CardFields } from "./card-fields.tsx";
import { NotesField, TitleField } from "./text-fields.tsx";

interface CardDialogProps {
  readonly id: string;
  readonly data: BoardData;
  /** Asks who sits here. */
  readonly onRole: () => void;
  readonly children: ReactNode;
}

export function CardDialog({ id, data, onRole, children }: CardDialogProps): ReactNode {
  const { client } = useSession();
  const { data: task, syncState, status } = useEntity(client.tasks, id);
  const reviews = useReviewsOf(id);
  const version = useMemo(() => ({ task, syncState, reviews }), [task, syncState, reviews]);
  const { edit } = useVoice();
  const dialog = useRef<HTMLDialogElement>(null);
  const body = useRef<HTMLElement>(null);

  // Before the effects of what is in it: what shows itself above the dialog has to come after it.
  useLayoutEffect(() => {
    dialog.current?.showModal();
    // Not to the first button: that one deletes.
    body.current?.focus();
  }, []);
  useEffect(() => {
    edit(id);
    return () => edit(null);
  }, [edit, id]);
  useEffect(() => {
    if (status === "missing") closeCard();
  }, [status]);

  return (
    <dialog
      ref={dialog}
      className="dialog card-dialog"
      aria-labelledby="card-dialog-title"
      onClose={closeCard}
      onClick={(event) => (event.target === dialog.current ? dialog.current.close() : undefined)}
    >
      <article ref={body} className="dialog-body" tabIndex={-1}>
        {task === undefined ? null : (
          <>
            <header className="card-dialog-head">
              <span className="card-dialog-state">
                <SyncMark state={syncState} />
                <span>{STATE_WORDS[syncState]}</span>
              </span>
              <Editors id={id} />
              <DeleteButton task={task} data={data} />
              <button
                type="button"
                className="icon-button"
                aria-label="Close"
                title="Close (Esc)"
                onClick={() => dialog.current?.close()}
              >
                <X size={18} />
              </button>
            </header>
            <div className="card-dialog-content">
              <TitleField task={task} />
              <div className="card-dialog-matters">
                <OwnConflicts card={task.id} />
                {reviews.map((review) => (
                  <ReviewPanel key={review.id} review={review} onRole={onRole} />
                ))}
              </div>
              <div className="card-dialog-main">
                <NotesField task={task} />
                <Checklist task={task} />
                <Activity task={task} comments={data.commentsOf(task.id)} version={version} />
              </div>
            </div>
            <aside className="card-dialog-side">
              <CardFields task={task} tasks={data.tasks} />
              <Origin task={task} />
            </aside>
          </>
        )}
      </article>
      {children}
    </dialog>
  );
}

const STATE_WORDS = {
  "synced": "This card is synced",
  "pending": "Saved on this device, not sent yet",
  "syncing": "On its way to the server",
  "conflicted": "A change of yours did not stand",
  "in-review": "Waits for a decision",
  "rejected": "A change was refused",
};

function Editors({ id }: { readonly id: string }): ReactNode {
  const editors = useEditors(id);
  if (editors.length === 0) return null;
  return (
    <span className="card-dialog-editors">
      {editors.map(({ session, name }) => (
        <Avatar key={session} name={name} size="small" title={`${name} has this card open`} />
      ))}
      <span>{editors.length === 1 ? `${editors[0]?.name} is here, too` : `${editors.length} others are here`}</span>
    </span>
  );
}

function DeleteButton({ task, data }: { readonly task: Task; readonly data: BoardData }): ReactNode {
  const { actions } = useSession();
  const remove = (): void => {
    closeCard();
    actions.remove(task, data.commentsOf(task.id));
  };
  return (
    <button
      type="button"
      className="icon-button is-danger"
      aria-label="Delete the card"
      title="Delete"
      onClick={remove}
    >
      <Trash2 size={16} />
    </button>
  );
}

function Origin({ task }: { readonly task: Task }): ReactNode {
  if (task.createdBy === null && task.createdAt === null) return null;
  const by = task.createdBy === null ? "" : ` by ${task.createdBy}`;
  const on = task.createdAt === null ? "" : ` on ${dateText(task.createdAt)}`;
  return <p className="card-dialog-origin">{`Added${by}${on}`}</p>;
}
