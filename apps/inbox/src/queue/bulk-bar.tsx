/** What can be done with all marked reviews at once. */
import { CheckCheck, History, UserPlus, X } from "lucide-react";
import type { ReactNode } from "react";
import { useActions } from "../actions.ts";
import { useInbox } from "../inbox-state.ts";
import { useParts } from "../session/inbox-context.tsx";

export function BulkBar(): ReactNode {
  const { marking } = useInbox();
  const { user } = useParts().session;
  const actions = useActions();
  return (
    <div className="bulk" role="toolbar" aria-label="Marked reviews">
      <p className="bulk-count">
        <strong>{marking.ids.size}</strong> marked
        <button
          type="button"
          className="icon-button"
          aria-label="Unmark all"
          title="Unmark all (Esc)"
          onClick={actions.clearMarks}
        >
          <X size={15} />
        </button>
      </p>
      <button type="button" className="button is-small" onClick={() => actions.decideMarked("keep")}>
        <CheckCheck size={14} aria-hidden="true" /> Keep current
      </button>
      <button type="button" className="button is-small" onClick={() => actions.decideMarked("latest")}>
        <History size={14} aria-hidden="true" /> Take latest
      </button>
      <button type="button" className="button is-small" onClick={() => actions.assignMarked(user)}>
        <UserPlus size={14} aria-hidden="true" /> Assign to me
      </button>
    </div>
  );
}
