/** Notices in the corner. They go by themselves, but not while somebody reads or reaches for one. */
import { X } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useOpenCard } from "../board/route.ts";
import { useSession } from "../session/board-session.tsx";
import type { Notice } from "../sync/notices.ts";

const SHOWN_MS = 9000;

export function Toasts(): ReactNode {
  const { notices } = useSession();
  const openCard = useOpenCard();
  const all = useSyncExternalStore(notices.subscribe, notices.get);
  const list = all.filter(({ card }) => card === null || card !== openCard);
  const layer = useRef<HTMLOListElement>(null);
  useEffect(() => {
    // Above everything that is open, wherever in the page it stands.
    if (layer.current?.matches(":popover-open") === false) layer.current.showPopover();
  }, []);
  return (
    <ol ref={layer} popover="manual" className="toasts" role="status" aria-label="Notices">
      {list.map((notice) => (
        <Toast key={notice.id} notice={notice} />
      ))}
    </ol>
  );
}

function Toast({ notice }: { readonly notice: Notice }): ReactNode {
  const { id, tone, title, text, actions, isSticky, seen } = notice;
  const { notices } = useSession();
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
        <p className="toast-title">{title}</p>
        {text === "" ? null : <p className="toast-text">{text}</p>}
        {actions.length === 0 ? null : (
          <p className="toast-actions">
            {actions.map(({ label, run }) => (
              <button
                key={label}
                type="button"
                className="link-button"
                onClick={() => {
                  run();
                  notices.dismiss(id);
                }}
              >
                {label}
              </button>
            ))}
          </p>
        )}
      </div>
      <button
        type="button"
        className="icon-button"
        aria-label="Dismiss"
        onClick={() => {
          seen();
          notices.dismiss(id);
        }}
      >
        <X size={15} />
      </button>
    </li>
  );
}
