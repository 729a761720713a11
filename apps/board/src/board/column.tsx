/** A column of cards: takes dropped ones, adds new ones. */
import { Plus } from "lucide-react";
import { Fragment, memo, type ReactNode, useCallback, useId, useRef, useState } from "react";
import { Card } from "../card/card.tsx";
import { StatusIcon } from "../card/status-icon.tsx";
import type { Status, Task } from "../schema.ts";
import { useSession } from "../session/board-session.tsx";
import { type DropPlace, isAhead, useSortTarget } from "../sorting/sorting.ts";
import { STATUS_NAMES } from "../sync/words.ts";
import { afterVisible, positionAhead } from "./board-model.ts";
import { placedByHand } from "./glide.tsx";
import type { CardMoves } from "./moves.ts";
import { QuickAdd } from "./quick-add.tsx";

interface ColumnProps {
  readonly status: Status;
  readonly tasks: readonly Task[];
  readonly visible: readonly Task[];
  readonly commentCounts: ReadonlyMap<string, number>;
  readonly moves: CardMoves;
  readonly isLoading: boolean;
}

const EMPTY: Readonly<Record<Status, string>> = {
  backlog: "Ideas wait here until there is room for them.",
  todo: "Nothing is planned. Drag a card here.",
  doing: "Nobody is working on anything.",
  review: "Nothing waits for a second pair of eyes.",
  done: "Nothing is finished yet.",
};

export const Column = memo(function Column(props: ColumnProps): ReactNode {
  const { status, tasks, visible, commentCounts, moves, isLoading } = props;
  const [isAdding, setAdding] = useState(false);
  const heading = useId();
  const column = useRef<HTMLElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const place = useSortTarget({ kind: "card", area: column, list, onDrop: useDrop(props) });
  const hidden = tasks.length - visible.length;

  return (
    <section
      ref={column}
      className={`column ${place === null ? "" : "is-target"}`}
      aria-labelledby={heading}
      data-column={status}
    >
      <header className="column-head">
        <StatusIcon status={status} />
        <h2 id={heading}>{STATUS_NAMES[status]}</h2>
        <span className="count" title={hidden === 0 ? "Cards" : `${hidden} hidden by the filter`}>
          {hidden === 0 ? tasks.length : `${visible.length} / ${tasks.length}`}
        </span>
        <button
          type="button"
          className="icon-button column-add"
          aria-label={`Add a card to ${STATUS_NAMES[status]}`}
          title="Add a card (N)"
          data-add={status}
          onClick={() => setAdding(true)}
        >
          <Plus size={16} />
        </button>
      </header>
      <ol ref={list} className="cards" data-list>
        {visible.map((task) => (
          <Fragment key={task.id}>
            {isAhead(place, task.id) ? <DropMarker /> : null}
            <Card task={task} comments={commentCounts.get(task.id) ?? 0} moves={moves} />
          </Fragment>
        ))}
        {place === "end" ? <DropMarker /> : null}
        {visible.length === 0 && place === null && !isAdding ? (
          <li className="column-empty">
            {isLoading ? <Skeleton /> : hidden > 0 ? "No card here matches." : EMPTY[status]}
          </li>
        ) : null}
        {isAdding ? (
          <QuickAdd status={status} last={tasks.at(-1)?.position ?? null} onClose={() => setAdding(false)} />
        ) : null}
      </ol>
      {isAdding ? null : (
        <button type="button" className="column-foot" onClick={() => setAdding(true)}>
          <Plus size={15} /> Add a card
        </button>
      )}
    </section>
  );
}, areSame);

/** Columns are made anew with every change of the board; most of them hold the same cards as before. */
function areSame(before: ColumnProps, after: ColumnProps): boolean {
  return (
    before.status === after.status &&
    before.moves === after.moves &&
    before.isLoading === after.isLoading &&
    before.commentCounts === after.commentCounts &&
    haveSameItems(before.tasks, after.tasks) &&
    haveSameItems(before.visible, after.visible)
  );
}

function haveSameItems(before: readonly Task[], after: readonly Task[]): boolean {
  return before.length === after.length && before.every((task, index) => task === after[index]);
}

function useDrop({ status, tasks, visible }: ColumnProps): (id: string, place: DropPlace) => void {
  const { client, actions } = useSession();
  return useCallback(
    (id, place) => {
      const before = place === "end" ? afterVisible(tasks, visible, id) : place.before;
      const position = positionAhead(tasks, id, before);
      if (position === null || client.tasks.get(id) === undefined) return;
      placedByHand(id);
      actions.move(id, status, position);
    },
    [client, actions, status, tasks, visible],
  );
}

function DropMarker(): ReactNode {
  return <li className="drop-marker" aria-hidden="true" />;
}

function Skeleton(): ReactNode {
  return (
    <span className="skeleton" aria-label="Loading">
      <span />
      <span />
    </span>
  );
}
