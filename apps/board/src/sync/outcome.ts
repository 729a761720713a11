/**
 * Tells what became of a write where a person may want to know: concurrent writes that had to be settled (who won, and the
 * other value with one click), and cards that somebody else had deleted meanwhile. Refusals have an event of their own.
 */
import type { Write, WriteResult } from "@tidelock/client";
import type { Decision, JsonValue } from "@tidelock/core";
import type { Notices } from "./notices.ts";
import { fieldName, valueText } from "./words.ts";

export interface OutcomeContext {
  readonly notices: Notices;
  readonly titleOf: (id: string) => string;
  /** Writes one field of a task. */
  readonly write: (id: string, field: string, value: JsonValue) => void;
  /** Brings a card back that was deleted elsewhere. */
  readonly restore: (id: string) => (() => void) | null;
}

/** Follows a write of a task. */
export function followWrite(context: OutcomeContext, write: Write): void {
  const bringBack = context.restore(write.id);
  write.synced.then(
    (result) => tellConflicts(context, result, bringBack),
    // Refusals are told by the client's `rejected` event; a closed client tells nobody.
    () => {},
  );
  write.saved.catch((error: unknown) => {
    context.notices.add({
      tone: "problem",
      title: "This change could not be saved on this device",
      text: error instanceof Error ? error.message : String(error),
    });
  });
}

function tellConflicts(context: OutcomeContext, { id, conflicts }: WriteResult, bringBack: (() => void) | null): void {
  for (const decision of conflicts) {
    if (decision.field === null) tellDeletion(context, bringBack);
    // Two people who sort at once do not want to hear about it.
    else if (decision.field !== "position") tellField(context, id, decision, decision.field);
  }
}

function tellField({ notices, titleOf, write }: OutcomeContext, id: string, decision: Decision, field: string): void {
  const isMine = decision.winner === "incoming";
  const lost = isMine ? decision.current.value : decision.incoming.value;
  const won = isMine ? decision.incoming.value : decision.current.value;
  const whose = isMine ? "Yours was later and stays" : "Theirs was later and stays";
  notices.add({
    tone: "merged",
    title: `“${titleOf(id)}”: two people changed the ${fieldName(field)}`,
    text: `${whose}: ${valueText(field, won)}. The other was ${valueText(field, lost)}.`,
    actions: [{ label: isMine ? "Use theirs" : "Use mine", run: () => write(id, field, lost) }],
  });
}

function tellDeletion({ notices }: OutcomeContext, bringBack: (() => void) | null): void {
  notices.add({
    tone: "merged",
    title: "Somebody deleted a card that you changed",
    text: "A deletion wins over a change made at the same time.",
    actions: bringBack === null ? [] : [{ label: "Bring it back", run: bringBack }],
  });
}
