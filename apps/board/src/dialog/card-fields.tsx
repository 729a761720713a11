/** The properties of a card: column, assignee, priority, due date, labels, a count. Each is written as soon as it is chosen. */
import { change } from "@tidelock/core";
import { Minus, Plus, X } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useMemo } from "react";
import { inUse, positionAhead } from "../board/board-model.ts";
import { PriorityIcon } from "../card/priority.tsx";
import { StatusIcon } from "../card/status-icon.tsx";
import { Avatar } from "../presence/avatar.tsx";
import { hueOf } from "../presence/hue.ts";
import { usePeople } from "../presence/presence.tsx";
import { PRIORITIES, type Status, STATUSES, type Task } from "../schema.ts";
import { useSession } from "../session/board-session.tsx";
import { Menu, MenuItem } from "../shell/menu.tsx";
import { PRIORITY_NAMES, STATUS_NAMES } from "../sync/words.ts";
import { DueField } from "./due-field.tsx";

interface FieldProps {
  readonly task: Task;
  readonly tasks: readonly Task[];
}

export function CardFields({ task, tasks }: FieldProps): ReactNode {
  return (
    <div className="fields">
      <StatusField task={task} tasks={tasks} />
      <AssigneeField task={task} tasks={tasks} />
      <PriorityField task={task} />
      <DueField task={task} />
      <LabelsField task={task} tasks={tasks} />
      <AskedField task={task} />
    </div>
  );
}

function StatusField({ task, tasks }: FieldProps): ReactNode {
  const { actions } = useSession();
  const moveTo = (status: Status): void => {
    if (status === task.status) return;
    const column = tasks.filter((other) => other.status === status);
    const position = positionAhead(column, task.id, null);
    if (position !== null) actions.move(task.id, status, position);
  };
  const button = (
    <>
      <StatusIcon status={task.status} /> {STATUS_NAMES[task.status]}
    </>
  );
  return (
    <div className="field">
      <span className="field-name">Column</span>
      <Menu label={`Column: ${STATUS_NAMES[task.status]}`} className="choice" button={button}>
        {() =>
          STATUSES.map((status) => (
            <MenuItem key={status} isChosen={status === task.status} onChoose={() => moveTo(status)}>
              <StatusIcon status={status} /> {STATUS_NAMES[status]}
            </MenuItem>
          ))
        }
      </Menu>
    </div>
  );
}

function AssigneeField({ task, tasks }: FieldProps): ReactNode {
  const { actions } = useSession();
  const people = usePeople();
  const names = useMemo(() => {
    const assigned = tasks.flatMap(({ assignee }) => (assignee === null ? [] : [assignee]));
    return [...new Set([...people.map(({ name }) => name), ...inUse(assigned)])];
  }, [people, tasks]);
  const assign = (assignee: string | null): void => {
    if (assignee !== task.assignee) actions.change(task.id, { assignee });
  };
  const button =
    task.assignee === null ? (
      <span className="is-faint">Nobody</span>
    ) : (
      <>
        <Avatar name={task.assignee} size="small" isDecorative /> {task.assignee}
      </>
    );
  return (
    <div className="field">
      <span className="field-name">Assignee</span>
      <Menu label={`Assignee: ${task.assignee ?? "nobody"}`} className="choice" button={button}>
        {() => (
          <>
            {names.map((name) => (
              <MenuItem key={name} isChosen={name === task.assignee} onChoose={() => assign(name)}>
                <Avatar name={name} size="small" isDecorative /> {name}
              </MenuItem>
            ))}
            <hr />
            <MenuItem isChosen={task.assignee === null} onChoose={() => assign(null)}>
              Nobody
            </MenuItem>
          </>
        )}
      </Menu>
    </div>
  );
}

function PriorityField({ task }: { readonly task: Task }): ReactNode {
  const { actions } = useSession();
  const button = (
    <>
      <PriorityIcon priority={task.priority} /> {PRIORITY_NAMES[task.priority]}
    </>
  );
  return (
    <div className="field">
      <span className="field-name">Priority</span>
      <Menu label={`Priority: ${PRIORITY_NAMES[task.priority]}`} className="choice" button={button}>
        {() =>
          PRIORITIES.toReversed().map((priority) => (
            <MenuItem
              key={priority}
              isChosen={priority === task.priority}
              onChoose={() => (priority === task.priority ? undefined : actions.change(task.id, { priority }))}
            >
              <PriorityIcon priority={priority} /> {PRIORITY_NAMES[priority]}
            </MenuItem>
          ))
        }
      </Menu>
    </div>
  );
}

/** How often passengers asked for it. Every press counts, on whatever device, also when two press at once. */
function AskedField({ task }: { readonly task: Task }): ReactNode {
  const { actions } = useSession();
  return (
    <div className="field">
      <span className="field-name">Asked for by passengers</span>
      <div className="counter">
        <button
          type="button"
          className="icon-button"
          aria-label="Once less"
          title="Once less"
          disabled={task.asked <= 0}
          onClick={() => actions.change(task.id, { asked: change.decrement() })}
        >
          <Minus size={15} />
        </button>
        <output aria-label="Asked for">{task.asked === 1 ? "once" : `${task.asked} times`}</output>
        <button
          type="button"
          className="icon-button"
          aria-label="Once more"
          title="Once more"
          onClick={() => actions.change(task.id, { asked: change.increment() })}
        >
          <Plus size={15} />
        </button>
      </div>
    </div>
  );
}

function LabelsField({ task, tasks }: FieldProps): ReactNode {
  const { actions } = useSession();
  const known = useMemo(() => inUse(tasks.flatMap(({ labels }) => labels)), [tasks]);
  const add = (text: string): void => {
    const label = text.trim().toLowerCase();
    if (label !== "" && !task.labels.includes(label)) actions.change(task.id, { labels: change.add(label) });
  };
  const remove = (label: string): void => actions.change(task.id, { labels: change.remove(label) });
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    if (event.key !== "Enter" && event.key !== ",") return;
    event.preventDefault();
    add(event.currentTarget.value);
    event.currentTarget.value = "";
  };
  return (
    <div className="field">
      <span className="field-name">Labels</span>
      <div className="labels is-editable">
        {task.labels.map((label) => (
          <button
            key={label}
            type="button"
            className="label"
            data-hue={hueOf(label)}
            aria-label={`Remove the label ${label}`}
            onClick={() => remove(label)}
          >
            {label} <X size={11} strokeWidth={3} />
          </button>
        ))}
        <input
          className="label-input"
          aria-label="Add a label"
          placeholder="Add a label"
          maxLength={30}
          list="known-labels"
          onKeyDown={onKeyDown}
          onBlur={(event) => {
            add(event.currentTarget.value);
            event.currentTarget.value = "";
          }}
        />
        <datalist id="known-labels">
          {known.map((label) => (
            <option key={label} value={label} />
          ))}
        </datalist>
      </div>
    </div>
  );
}
