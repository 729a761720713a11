/** Moving cards by keys and menus: among the cards that can be seen, with the focus staying on the card. */
import { useEffect, useState } from "react";
import type { Status, TaskComment } from "../schema.ts";
import { type BoardSession, useSession } from "../session/board-session.tsx";
import { announce } from "../shell/announce.tsx";
import { STATUS_NAMES } from "../sync/words.ts";
import { afterVisible, type Columns, neighbourStatus, positionAhead } from "./board-model.ts";
import { focusAfterMove, focusNeighbour } from "./focus.ts";
import type { CardMoves } from "./moves.ts";

export interface BoardView {
  /** All cards. */
  readonly columns: Columns;
  /** Those that the filter lets through. */
  readonly visible: Columns;
  readonly commentsOf: (task: string) => readonly TaskComment[];
}

export function useCardMoves(view: BoardView): CardMoves {
  const session = useSession();
  const [{ moves, see }] = useState(() => cardMoves(session, view));
  useEffect(() => see(view));
  return moves;
}

interface SeeingMoves {
  readonly moves: CardMoves;
  /** Takes note of how the board looks now. */
  readonly see: (view: BoardView) => void;
}

function cardMoves({ client, actions }: BoardSession, first: BoardView): SeeingMoves {
  let seen = first;
  const view = (): BoardView => seen;
  const put = (id: string, status: Status, before: string | null): void => {
    const task = client.tasks.get(id);
    if (task === undefined) return;
    const position = positionAhead(view().columns[status], id, before);
    if (position === null) return;
    focusAfterMove(id);
    actions.move(id, status, position);
    if (task.status !== status) announce(`Moved to ${STATUS_NAMES[status]}`);
  };
  const toColumn = (id: string, status: Status): void => {
    const { columns, visible } = view();
    put(id, status, afterVisible(columns[status], visible[status], id));
  };
  const moves: CardMoves = {
    step(id, direction) {
      const status = client.tasks.get(id)?.status;
      if (status === undefined) return;
      if (direction === "left" || direction === "right") {
        const next = neighbourStatus(status, direction === "left" ? -1 : 1);
        if (next !== null) sideways(view(), id, status, next, put);
        return;
      }
      const shown = view().visible[status];
      const index = shown.findIndex((task) => task.id === id);
      const target = direction === "up" ? index - 1 : index + 2;
      if (index < 0 || target < 0 || (direction === "down" && index === shown.length - 1)) return;
      const before = shown[target]?.id ?? afterVisible(view().columns[status], shown, id);
      put(id, status, before);
      announce(`Moved ${direction}`);
    },
    toColumn,
    remove(id) {
      const task = client.tasks.get(id);
      if (task === undefined) return;
      focusNeighbour(id, "down");
      actions.remove(task, view().commentsOf(id));
      announce(`Deleted ${task.title}`);
    },
  };
  return { moves, see: (next) => void (seen = next) };
}

/** Into another column, at about the same height. */
function sideways(
  { columns, visible }: BoardView,
  id: string,
  from: Status,
  to: Status,
  put: (id: string, status: Status, before: string | null) => void,
): void {
  const height = visible[from].findIndex((task) => task.id === id);
  put(id, to, visible[to][height]?.id ?? afterVisible(columns[to], visible[to], id));
}
