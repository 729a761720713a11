/** What can be done with a card without dragging it: for fingers, for keyboards, and for those who look for it. */
import { ArrowDown, ArrowUp, Ellipsis, PencilLine, Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import type { CardMoves } from "../board/moves.ts";
import { STATUSES, type Task } from "../schema.ts";
import { Menu, MenuItem } from "../shell/menu.tsx";
import { STATUS_NAMES } from "../sync/words.ts";
import { StatusIcon } from "./status-icon.tsx";

interface CardMenuProps {
  readonly task: Task;
  readonly moves: CardMoves;
  readonly onRename: () => void;
}

export function CardMenu({ task, moves, onRename }: CardMenuProps): ReactNode {
  return (
    <Menu label={`Actions for ${task.title}`} className="icon-button" button={<Ellipsis size={16} />}>
      {() => (
        <>
          <MenuItem onChoose={onRename} keys="E">
            <PencilLine size={15} /> Rename
          </MenuItem>
          <MenuItem onChoose={() => moves.step(task.id, "up")} keys="Alt ↑">
            <ArrowUp size={15} /> Move up
          </MenuItem>
          <MenuItem onChoose={() => moves.step(task.id, "down")} keys="Alt ↓">
            <ArrowDown size={15} /> Move down
          </MenuItem>
          <hr />
          <p className="menu-heading">Move to</p>
          {STATUSES.map((status) => (
            <MenuItem key={status} isChosen={status === task.status} onChoose={() => moves.toColumn(task.id, status)}>
              <StatusIcon status={status} /> {STATUS_NAMES[status]}
            </MenuItem>
          ))}
          <hr />
          <MenuItem onChoose={() => moves.remove(task.id)} tone="danger" keys="Del">
            <Trash2 size={15} /> Delete
          </MenuItem>
        </>
      )}
    </Menu>
  );
}
