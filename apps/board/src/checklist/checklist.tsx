/**
 * A card's checklist: items to add, tick, reword, sort and remove. Everything is written as what was done, item by item, so
 * that two people who work on one list at the same time both get what they did.
 */
import { Plus } from "lucide-react";
import { type ClipboardEvent, Fragment, type KeyboardEvent, type ReactNode, useRef } from "react";
import { openSteps, type Step, type Task } from "../schema.ts";
import { useSession } from "../session/board-session.tsx";
import { announce } from "../shell/announce.tsx";
import { type DropPlace, isAhead, useSortTarget } from "../sorting/sorting.ts";
import { ChecklistItem } from "./checklist-item.tsx";
import { MAX_STEP_LENGTH } from "./limits.ts";

export function Checklist({ task }: { readonly task: Task }): ReactNode {
  const { actions } = useSession();
  const area = useRef<HTMLElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const { id, steps } = task;
  const place = useSortTarget({
    kind: "step",
    area,
    list,
    accepts: (step) => steps.some((known) => known.id === step),
    onDrop: (step, to) => moveTo(step, placeBehind(steps, step, to)),
  });

  const moveTo = (step: string, after: string | null): void => {
    if (after === itemAhead(steps, step)) return;
    actions.steps.move(id, step, after);
    const rest = steps.filter((other) => other.id !== step);
    const index = after === null ? 0 : rest.findIndex((other) => other.id === after) + 1;
    announce(`Moved to place ${index + 1} of ${steps.length}`);
  };
  const moveBy = (step: string, direction: 1 | -1): void => {
    const index = steps.findIndex((other) => other.id === step);
    const target = index + direction;
    if (index < 0 || target < 0 || target >= steps.length) return;
    moveTo(step, (direction === 1 ? steps[target] : steps[target - 1])?.id ?? null);
  };
  const remove = (step: Step): void => {
    focusBeside(list.current, step.id);
    actions.steps.remove(id, step, itemAhead(steps, step.id));
    announce("Removed");
  };
  const done = steps.length - openSteps(task).length;
  return (
    <section ref={area} className="checklist" aria-label="Checklist">
      <h3 className="field-name">
        Checklist
        {steps.length === 0 ? null : (
          <span className="count">
            {done} of {steps.length}
          </span>
        )}
        {steps.length === 0 ? null : (
          <span className={`checklist-bar ${done === steps.length ? "is-whole" : ""}`} aria-hidden="true">
            <span style={{ inlineSize: `${(done / steps.length) * 100}%` }} />
          </span>
        )}
      </h3>
      <ol ref={list} className="steps">
        {steps.map((step) => (
          <Fragment key={step.id}>
            {isAhead(place, step.id) ? <DropMarker /> : null}
            <ChecklistItem
              task={id}
              step={step}
              onMove={(direction) => moveBy(step.id, direction)}
              onRemove={() => remove(step)}
            />
          </Fragment>
        ))}
        {place === "end" ? <DropMarker /> : null}
      </ol>
      <NewStep task={id} last={steps.at(-1)?.id ?? null} />
    </section>
  );
}

/** The item that stands ahead of another one; `null` for the first. */
function itemAhead(steps: readonly Step[], step: string): string | null {
  return steps[steps.findIndex(({ id }) => id === step) - 1]?.id ?? null;
}

function placeBehind(steps: readonly Step[], moved: string, place: DropPlace): string | null {
  const rest = steps.filter(({ id }) => id !== moved);
  if (place === "end") return rest.at(-1)?.id ?? null;
  return itemAhead(rest, place.before);
}

/** When an item goes, the focus goes to the next one, or to where a new one is written. */
function focusBeside(list: HTMLElement | null, step: string): void {
  const items = [...(list?.querySelectorAll<HTMLElement>("[data-step]") ?? [])];
  const index = items.findIndex(({ dataset }) => dataset["step"] === step);
  const next = items[index + 1] ?? items[index - 1];
  const field = next ?? list?.parentElement?.querySelector<HTMLElement>(".step-new");
  field?.querySelector<HTMLElement>("textarea")?.focus();
}

function DropMarker(): ReactNode {
  return <li className="drop-marker" aria-hidden="true" />;
}

/** Enter adds and waits for the next one; several lines that are pasted are several items. */
function NewStep({ task, last }: { readonly task: string; readonly last: string | null }): ReactNode {
  const { actions } = useSession();
  const field = useRef<HTMLTextAreaElement>(null);
  const add = (text: string): void => {
    const texts = text.split("\n").flatMap((line) => {
      const item = line.replace(/^\s*([-*•]|\[[ x]?\])\s+/, "").trim();
      return item === "" ? [] : [item.slice(0, MAX_STEP_LENGTH)];
    });
    if (texts.length > 0) actions.steps.add(task, texts, last);
  };
  const addWritten = (): void => {
    if (field.current === null) return;
    add(field.current.value);
    field.current.value = "";
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "ArrowUp" && event.currentTarget.value === "") {
      const items = event.currentTarget.closest(".checklist")?.querySelectorAll<HTMLElement>("[data-step] textarea");
      [...(items ?? [])].at(-1)?.focus();
    } else if (event.key === "Enter") addWritten();
    else return;
    event.preventDefault();
  };
  const onPaste = (event: ClipboardEvent): void => {
    const text = event.clipboardData.getData("text/plain");
    if (!text.trim().includes("\n")) return;
    event.preventDefault();
    add(text);
  };
  return (
    <div className="step-new">
      <Plus size={15} aria-hidden="true" />
      <textarea
        ref={field}
        rows={1}
        maxLength={MAX_STEP_LENGTH}
        placeholder="Add an item"
        aria-label="Add an item"
        onKeyDown={onKeyDown}
        onPaste={onPaste}
        onBlur={addWritten}
      />
    </div>
  );
}
