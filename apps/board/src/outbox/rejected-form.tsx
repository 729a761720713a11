/** A refused change, open for correction: its texts and choices as fields. It is sent as a new change, in its place. */
import type { RejectedEntry } from "@tidelock/client";
import type { JsonValue } from "@tidelock/core";
import { type FormEvent, type ReactNode, useEffect, useId, useRef } from "react";
import { dayOf, endOfDay } from "../review/days.ts";
import { PRIORITIES } from "../schema.ts";
import { capitalized, fieldName, PRIORITY_NAMES } from "../sync/words.ts";

interface RejectedFormProps {
  readonly entry: RejectedEntry;
  readonly onSend: (values: Readonly<Record<string, JsonValue>>) => void;
  readonly onClose: () => void;
}

const EDITABLE = ["title", "text", "notes", "assignee", "priority", "dueAt"];

/** The fields that can be corrected here. Calls and deletes have none. */
export function editableFields({ operation, fields }: RejectedEntry): readonly string[] {
  if (operation !== "create" && operation !== "update") return [];
  return EDITABLE.filter((name) => fields[name] !== undefined && fields[name] !== null);
}

export function RejectedForm({ entry, onSend, onClose }: RejectedFormProps): ReactNode {
  const form = useRef<HTMLFormElement>(null);
  const names = editableFields(entry);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>("textarea, input, select")?.focus();
  }, []);
  const send = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const values = names.map((name): [string, JsonValue] => [name, valueOf(name, String(data.get(name) ?? ""))]);
    onSend(Object.fromEntries(values));
    onClose();
  };
  return (
    <form ref={form} className="rejected-form" onSubmit={send}>
      {names.map((name) => (
        <EditedField key={name} name={name} value={entry.fields[name] ?? null} />
      ))}
      <p className="outbox-actions">
        <button type="submit" className="button is-small is-primary">
          Send
        </button>
        <button type="button" className="button is-small is-quiet" onClick={onClose}>
          Cancel
        </button>
      </p>
    </form>
  );
}

function valueOf(name: string, text: string): JsonValue {
  return name === "dueAt" ? endOfDay(text) : text.trim();
}

function EditedField({ name, value }: { readonly name: string; readonly value: JsonValue }): ReactNode {
  const id = useId();
  return (
    <>
      <label htmlFor={id} className="field-name">
        {name === "text" ? "Comment" : capitalized(fieldName(name))}
      </label>
      {name === "dueAt" ? (
        <input id={id} name={name} type="date" defaultValue={typeof value === "number" ? dayOf(value) : ""} />
      ) : name === "priority" ? (
        <select id={id} name={name} defaultValue={String(value)}>
          {PRIORITIES.map((priority) => (
            <option key={priority} value={priority}>
              {PRIORITY_NAMES[priority]}
            </option>
          ))}
        </select>
      ) : (
        <textarea id={id} name={name} rows={2} required defaultValue={String(value)} />
      )}
    </>
  );
}
