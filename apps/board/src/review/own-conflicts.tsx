/** Changes of one's own that did not stand, on the card that they were made to, until somebody has taken note. */
import { useConflicts } from "@tidelock/client/react";
import { GitMerge, X } from "lucide-react";
import type { ReactNode } from "react";
import { useSession } from "../session/board-session.tsx";
import { useDirectory } from "../session/directory.ts";
import { decisionText } from "../sync/decision-words.ts";

export function OwnConflicts({ card }: { readonly card: string }): ReactNode {
  const { actions, person } = useSession();
  const { recent, dismiss } = useConflicts();
  const { nameOf } = useDirectory();
  const lost = recent.filter(({ isLost, collection, id }) => isLost && collection === "tasks" && id === card);
  if (lost.length === 0) return null;
  return (
    <ul className="own-conflicts" aria-label="Changes of yours that did not stand">
      {lost.map((conflict) => (
        <li key={conflict.key}>
          <GitMerge size={15} aria-hidden="true" />
          <p>
            {decisionText(conflict.decision, { nameOf, self: person().user })}{" "}
            {conflict.decision.policy === "set" || conflict.decision.policy === "list" ? null : (
              <button type="button" className="link-button" onClick={() => actions.restore(conflict)}>
                Bring mine back
              </button>
            )}
          </p>
          <button
            type="button"
            className="icon-button"
            aria-label="Taken note"
            title="Taken note"
            onClick={() => dismiss(conflict.key)}
          >
            <X size={14} />
          </button>
        </li>
      ))}
    </ul>
  );
}
