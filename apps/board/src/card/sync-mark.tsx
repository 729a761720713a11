/** How far a card's changes have come, without flattery: a check only when the server has them all. */
import type { SyncState } from "@tidelock/client";
import { Check, CircleAlert, CloudUpload, GitMerge, LoaderCircle, Scale } from "lucide-react";
import type { ReactNode } from "react";

const MARKS = {
  "synced": { icon: Check, words: "Synced" },
  "pending": { icon: CloudUpload, words: "Saved here, not sent yet" },
  "syncing": { icon: LoaderCircle, words: "On its way to the server" },
  "conflicted": { icon: GitMerge, words: "A change of yours did not stand" },
  "in-review": { icon: Scale, words: "Waits for a decision" },
  "rejected": { icon: CircleAlert, words: "A change was refused: see the outbox" },
} as const satisfies Record<SyncState, object>;

export function SyncMark({ state }: { readonly state: SyncState }): ReactNode {
  const { icon: Icon, words } = MARKS[state];
  return (
    <span className="sync-mark" data-state={state} title={words}>
      <Icon size={13} strokeWidth={2.5} aria-label={words} />
    </span>
  );
}
