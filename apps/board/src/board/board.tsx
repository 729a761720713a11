/** The board: five columns of cards, kept in order by a live query. Pointers over it are told to the others. */
import {
  type PointerEvent,
  type ReactNode,
  useDeferredValue,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
} from "react";
import { cursorAt } from "../presence/cursor-place.ts";
import { Cursors } from "../presence/cursors.tsx";
import { useVoice } from "../presence/presence.tsx";
import { STATUSES } from "../schema.ts";
import type { BoardData } from "./board-data.ts";
import { columnsOf, type Filter, passes } from "./board-model.ts";
import { Column } from "./column.tsx";
import { settleFocus } from "./focus.ts";
import { Glide } from "./glide.tsx";
import { useCardMoves } from "./use-card-moves.ts";

interface BoardProps {
  readonly data: BoardData;
  readonly filter: Filter;
}

export function Board({ data, filter }: BoardProps): ReactNode {
  const { tasks, isLoading, commentCounts, commentsOf } = data;
  const wanted = useDeferredValue(filter);
  const columns = useMemo(() => columnsOf(tasks), [tasks]);
  const shown = useMemo(() => tasks.filter((task) => passes(task, wanted)), [tasks, wanted]);
  const visible = useMemo(() => columnsOf(shown), [shown]);
  const order = useMemo(() => shown.map(({ id, status }) => `${id}${status}`).join(" "), [shown]);
  const moves = useCardMoves({ columns, visible, commentsOf });
  const pointing = usePointing();

  useLayoutEffect(settleFocus);

  return (
    <main className="board" {...pointing}>
      <p id="card-keys" hidden>
        Enter opens the card, E renames it, arrow keys go to other cards, Alt with an arrow key moves it.
      </p>
      <Glide order={order}>
        <div className="columns">
          {STATUSES.map((status) => (
            <Column
              key={status}
              status={status}
              tasks={columns[status]}
              visible={visible[status]}
              commentCounts={commentCounts}
              moves={moves}
              isLoading={isLoading}
            />
          ))}
        </div>
      </Glide>
      <Cursors />
    </main>
  );
}

interface Pointing {
  readonly onPointerMove: (event: PointerEvent) => void;
  readonly onPointerLeave: () => void;
  readonly onDragOver: (event: React.DragEvent) => void;
}

/** Tells where the pointer is, at most once per frame. A finger is no pointer: it is only there while it touches. */
function usePointing(): Pointing {
  const { point } = useVoice();
  const latest = useRef(point);
  const frame = useRef(0);
  useEffect(() => {
    latest.current = point;
  });
  useEffect(() => () => cancelAnimationFrame(frame.current), []);
  return useMemo(() => {
    const tell = (event: { target: EventTarget; clientX: number; clientY: number }): void => {
      const { target, clientX: x, clientY: y } = event;
      cancelAnimationFrame(frame.current);
      frame.current = requestAnimationFrame(() => latest.current(cursorAt(target, { x, y })));
    };
    return {
      onPointerMove: (event) => (event.pointerType === "touch" ? undefined : tell(event)),
      onDragOver: tell,
      onPointerLeave: () => {
        cancelAnimationFrame(frame.current);
        latest.current(null);
      },
    };
  }, []);
}
