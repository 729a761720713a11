/** Notices in the corner. They go by themselves, but not while somebody reads or reaches for one. */
import { X } from "lucide-react";
import { type ReactNode, useEffect, useState, useSyncExternalStore } from "react";
import type { Notice } from "../decisions/notices.ts";
import { useParts } from "../session/inbox-context.tsx";

const SHOWN_MS = 9000;

export function Toasts(): ReactNode {
  const { notices } = useParts();
  const list = useSyncExternalStore(notices.subscribe, notices.get);
  return (
    <ol className="toasts" role="status" aria-label="Notices">
      {list.map((notice) => (
        <Toast key={notice.id} notice={notice} onDismiss={() => notices.dismiss(notice.id)} />
      ))}
    </ol>
  );
}

function Toast({ notice, onDismiss }: { readonly notice: Notice; readonly onDismiss: () => void }): ReactNode {
  const { id, tone, title, text, actions, isSticky } = notice;
  const { notices } = useParts();
  const [isHeld, setHeld] = useState(false);
  useEffect(() => {
    if (isSticky || isHeld) return undefined;
    const timer = setTimeout(() => notices.dismiss(id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [notices, id, isSticky, isHeld]);
  return (
    <li
      className="toast"
      data-tone={tone}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <div>
        <p className="toast-title" dir="auto">
          {title}
        </p>
        {text === "" ? null : (
          <p className="toast-text" dir="auto">
            {text}
          </p>
        )}
        {actions.length === 0 ? null : (
          <p className="toast-actions">
            {actions.map(({ label, run }) => (
              <button
                key={label}
                type="button"
                className="link-button"
                onClick={() => {
                  onDismiss();
                  run();
                }}
              >
                {label}
              </button>
            ))}
          </p>
        )}
      </div>
      <button type="button" className="icon-button" aria-label="Dismiss" onClick={onDismiss}>
        <X size={15} />
      </button>
    </li>
  );
}
