/** Editing a card's title in its place: Enter keeps it, Escape does not, leaving the field does. */
import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";
import type { Task } from "../schema.ts";
import { useSession } from "../session/board-session.tsx";

export const MAX_TITLE_LENGTH = 200;

export function Rename({ task, onDone }: { readonly task: Task; readonly onDone: () => void }): ReactNode {
  const { actions } = useSession();
  const field = useRef<HTMLTextAreaElement>(null);
  const isOver = useRef(false);

  useEffect(() => {
    field.current?.select();
  }, []);

  const finish = (keeps: boolean): void => {
    if (isOver.current) return;
    isOver.current = true;
    const title = field.current?.value.trim().replaceAll(/\s+/g, " ") ?? "";
    if (keeps && title !== "" && title !== task.title) actions.change(task.id, { title });
    onDone();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    const card = field.current?.closest("[data-card]");
    finish(event.key === "Enter");
    requestAnimationFrame(() => card?.querySelector<HTMLElement>("[data-card-link]")?.focus());
  };
  return (
    <textarea
      ref={field}
      className="card-rename"
      aria-label="Title"
      defaultValue={task.title}
      maxLength={MAX_TITLE_LENGTH}
      rows={1}
      onKeyDown={onKeyDown}
      onBlur={() => finish(true)}
      onClick={(event) => event.stopPropagation()}
    />
  );
}
