/** Adding cards one after the other: Enter adds and waits for the next one, Escape ends it. */
import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";
import { MAX_TITLE_LENGTH } from "../card/rename.tsx";
import type { Status } from "../schema.ts";
import { useSession } from "../session/board-session.tsx";
import { STATUS_NAMES } from "../sync/words.ts";
import { positionBetween } from "./position.ts";

interface QuickAddProps {
  readonly status: Status;
  /** The position of the column's last card. */
  readonly last: string | null;
  readonly onClose: () => void;
}

export function QuickAdd({ status, last, onClose }: QuickAddProps): ReactNode {
  const { actions } = useSession();
  const field = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    field.current?.focus();
  }, []);
  // After each card that was added, too.
  useEffect(() => {
    field.current?.scrollIntoView({ block: "nearest" });
  });

  const add = (): boolean => {
    const title = field.current?.value.trim().replaceAll(/\s+/g, " ") ?? "";
    if (title === "" || field.current === null) return false;
    actions.addTask({ title, status, position: positionBetween(last, null, Math.random) });
    field.current.value = "";
    return true;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape") return onClose();
    if (event.key !== "Enter" || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (!add()) onClose();
  };
  return (
    <li className="quick-add">
      <textarea
        ref={field}
        rows={2}
        maxLength={MAX_TITLE_LENGTH}
        placeholder="What is to be done?"
        aria-label={`New card in ${STATUS_NAMES[status]}`}
        onKeyDown={onKeyDown}
        onBlur={() => {
          add();
          onClose();
        }}
      />
      <p className="quick-add-help">
        <kbd>Enter</kbd> adds, <kbd>Esc</kbd> ends
      </p>
    </li>
  );
}
