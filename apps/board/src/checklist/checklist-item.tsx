/**
 * One item of a checklist. Its text is always open for writing; arrow keys go to the others, Alt with an arrow moves it,
 * Enter goes on, Backspace in an empty one removes it. The grip is for the mouse, and for arrow keys as well.
 */
import { GripVertical, X } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useRef } from "react";
import { useDraft } from "../dialog/draft.ts";
import type { Step } from "../schema.ts";
import { useSession } from "../session/board-session.tsx";
import { useSortable } from "../sorting/sorting.ts";
import { quoted } from "../sync/words.ts";
import { MAX_STEP_LENGTH } from "./limits.ts";

interface ChecklistItemProps {
  readonly task: string;
  readonly step: Step;
  readonly onMove: (direction: 1 | -1) => void;
  readonly onRemove: () => void;
}

export function ChecklistItem({ task, step, onMove, onRemove }: ChecklistItemProps): ReactNode {
  const { actions } = useSession();
  const element = useRef<HTMLLIElement>(null);
  const grip = useRef<HTMLButtonElement>(null);
  const isDragging = useSortable({ kind: "step", id: step.id, element, handle: grip });
  const draft = useDraft(step.text, (text) => {
    const next = text.trim();
    if (next !== "" && next !== step.text) actions.steps.reword(task, step.id, next);
  });
  const { id, done } = step;

  const onGripKey = (event: KeyboardEvent): void => {
    const direction = directionOf(event);
    if (direction === null) return;
    event.preventDefault();
    onMove(direction);
  };
  const onTextKey = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.nativeEvent.isComposing) return;
    const { currentTarget: field } = event;
    const direction = directionOf(event);
    if (direction !== null && event.altKey) onMove(direction);
    else if (direction !== null && isAtEdge(field, direction)) focusNext(field, direction);
    else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) actions.steps.tick(task, id, !done);
    else if (event.key === "Enter") focusNext(field, 1);
    else if (event.key === "Backspace" && field.value === "") onRemove();
    else return;
    event.preventDefault();
  };
  return (
    <li
      ref={element}
      className={`step ${done ? "is-done" : ""} ${isDragging ? "is-dragging" : ""}`}
      data-step={id}
      data-done={done}
    >
      <button
        ref={grip}
        type="button"
        className="step-grip"
        aria-label={`Move ${quoted(step.text)}, with the arrow keys`}
        title="Drag, or press the arrow keys"
        onKeyDown={onGripKey}
      >
        <GripVertical size={14} />
      </button>
      <input
        type="checkbox"
        className="step-check"
        aria-label={step.text}
        checked={done}
        onChange={(event) => actions.steps.tick(task, id, event.target.checked)}
      />
      <textarea
        className="step-text"
        aria-label="Item"
        rows={1}
        maxLength={MAX_STEP_LENGTH}
        value={draft.text}
        onChange={(event) => draft.change(event.target.value.replaceAll("\n", " "))}
        onBlur={draft.flush}
        onKeyDown={onTextKey}
      />
      <button
        type="button"
        className="icon-button step-remove"
        aria-label={`Remove ${quoted(step.text)}`}
        title="Remove"
        onClick={onRemove}
      >
        <X size={14} />
      </button>
    </li>
  );
}

function directionOf({ key }: KeyboardEvent): 1 | -1 | null {
  return key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : null;
}

/** Within a text of several lines, arrow keys go from line to line. */
function isAtEdge({ selectionStart, selectionEnd, value }: HTMLTextAreaElement, direction: 1 | -1): boolean {
  return direction === 1 ? selectionEnd === value.length : selectionStart === 0;
}

/** To the text of the next or the last item; after the last one, to where a new one is written. */
function focusNext(field: HTMLTextAreaElement, direction: 1 | -1): void {
  const fields = [...(field.closest(".checklist")?.querySelectorAll("textarea") ?? [])];
  fields[fields.indexOf(field) + direction]?.focus();
}
