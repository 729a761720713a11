/** A card on the board: what matters of a task at one glance, how far its changes have come, and who has it open. */
import { useEntity } from "@tidelock/client/react";
import { Hand, MessageSquare, PencilLine } from "lucide-react";
import { type KeyboardEvent, memo, type MouseEvent, type ReactNode, useRef, useState } from "react";
import { focusNeighbour } from "../board/focus.ts";
import type { CardMoves } from "../board/moves.ts";
import { cardAddress, openCard } from "../board/route.ts";
import { Progress } from "../checklist/progress.tsx";
import { Avatar } from "../presence/avatar.tsx";
import { useEditors } from "../presence/presence.tsx";
import { hueOf } from "../presence/hue.ts";
import type { Task } from "../schema.ts";
import { useReviewsOf } from "../review/open-reviews.tsx";
import { useSession } from "../session/board-session.tsx";
import { useSortable } from "../sorting/sorting.ts";
import { CardMenu } from "./card-menu.tsx";
import { DueDate } from "./due-date.tsx";
import { Labels } from "./labels.tsx";
import { PriorityFlag } from "./priority.tsx";
import { Rename } from "./rename.tsx";
import { SyncMark } from "./sync-mark.tsx";

interface CardProps {
  readonly task: Task;
  readonly comments: number;
  readonly moves: CardMoves;
}

export const Card = memo(function Card({ task, comments, moves }: CardProps): ReactNode {
  const { client } = useSession();
  const { syncState } = useEntity(client.tasks, task.id);
  const editors = useEditors(task.id);
  const proposals = useReviewsOf(task.id).find(({ field }) => field === "dueAt")?.candidates.length ?? 0;
  const [isRenaming, setRenaming] = useState(false);
  const element = useRef<HTMLLIElement>(null);
  const isDragging = useSortable({ kind: "card", id: task.id, element, isEnabled: !isRenaming });
  const [editor] = editors;

  const onKeyDown = (event: KeyboardEvent): void => {
    if (!isRenaming && handleKey(event, task.id, moves, () => setRenaming(true))) event.preventDefault();
  };
  return (
    <li
      ref={element}
      className={`card ${isDragging ? "is-dragging" : ""}`}
      data-card={task.id}
      data-sync={syncState}
      data-hue={editor === undefined ? undefined : hueOf(editor.name)}
      data-edited={editor === undefined ? undefined : ""}
      onKeyDown={onKeyDown}
      onClick={() => (isRenaming ? undefined : openCard(task.id))}
      onContextMenu={keepLongPress}
    >
      {editor === undefined ? null : (
        <span className="card-editor" data-hue={hueOf(editor.name)}>
          {editors.map(({ name }) => name).join(", ")} {editors.length === 1 ? "is" : "are"} editing
        </span>
      )}
      <Labels labels={task.labels} />
      {isRenaming ? (
        <Rename task={task} onDone={() => setRenaming(false)} />
      ) : (
        <h3 className="card-title">
          <a href={cardAddress(task.id)} data-card-link draggable={false} aria-describedby="card-keys">
            {task.title}
          </a>
        </h3>
      )}
      <div className="card-foot">
        <PriorityFlag priority={task.priority} />
        {task.dueAt === null && proposals === 0 ? null : (
          <DueDate millis={task.dueAt} isDone={task.status === "done"} proposals={proposals} />
        )}
        <Progress steps={task.steps} />
        {comments === 0 ? null : (
          <span className="fact" title={`${comments} ${comments === 1 ? "comment" : "comments"}`}>
            <MessageSquare size={13} aria-label="Comments:" />
            {comments}
          </span>
        )}
        {task.asked === 0 || task.status !== "backlog" ? null : (
          <span className="fact" title={`Passengers asked for it ${task.asked} times`}>
            <Hand size={13} aria-label="Asked for by passengers:" />
            {task.asked}
          </span>
        )}
        <span className="card-end">
          {proposals > 0 && syncState === "in-review" ? null : <SyncMark state={syncState} />}
          {task.assignee === null ? null : <Avatar name={task.assignee} size="small" />}
        </span>
      </div>
      {isRenaming ? null : (
        <div className="card-tools">
          <button
            type="button"
            className="icon-button"
            aria-label={`Rename ${task.title}`}
            title="Rename (E)"
            tabIndex={-1}
            onClick={(event) => {
              event.stopPropagation();
              setRenaming(true);
            }}
          >
            <PencilLine size={14} />
          </button>
          <CardMenu task={task} moves={moves} onRename={() => setRenaming(true)} />
        </div>
      )}
    </li>
  );
});

/** A long press of a finger begins to drag; it does not ask for a link's menu. */
function keepLongPress(event: MouseEvent): void {
  const { nativeEvent } = event;
  if (nativeEvent instanceof PointerEvent && nativeEvent.pointerType === "touch") event.preventDefault();
}

const ARROWS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" } as const;

/** Answers whether the key meant something to a card. */
function handleKey(event: KeyboardEvent, id: string, moves: CardMoves, rename: () => void): boolean {
  if (event.ctrlKey || event.metaKey) return false;
  if (event.key in ARROWS) {
    const direction = ARROWS[event.key as keyof typeof ARROWS];
    if (event.altKey) moves.step(id, direction);
    else focusNeighbour(id, direction);
    return true;
  }
  if (event.altKey) return false;
  switch (event.key) {
    case "e":
    case "F2":
      rename();
      return true;
    case "Delete":
      moves.remove(id);
      return true;
    default:
      return false;
  }
}
