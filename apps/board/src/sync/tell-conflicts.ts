/**
 * Tells what became of a change that met another one: whose stands, why, and one click for the other. The client tells it
 * whenever the server has decided, also for changes that were made before a reload.
 */
import type { ConflictNotice } from "@tidelock/client";
import type { BoardActions } from "../board/actions.ts";
import { openCard } from "../board/route.ts";
import type { NameOf } from "../session/names.ts";
import type { BoardClient } from "../session/open-client.ts";
import type { Person } from "../session/person.ts";
import { type Audience, chosenText, decisionText, loserOf } from "./decision-words.ts";
import type { NoticeAction, Notices } from "./notices.ts";
import { fieldName, quoted } from "./words.ts";

interface ConflictTelling {
  readonly client: BoardClient;
  readonly notices: Notices;
  readonly actions: BoardActions;
  readonly person: () => Person;
  readonly nameOf: NameOf;
}

export function tellConflicts(telling: ConflictTelling): void {
  telling.client.on("conflict", (conflict) => {
    const { client } = telling;
    const { decision } = conflict;
    const isMerged = decision.policy === "set" || decision.policy === "list";
    // Two people who sort at once do not want to hear about it, nor somebody whose tick was the one that stands.
    if (decision.field === "position" || (isMerged && !conflict.isLost)) return client.conflicts.dismiss(conflict.key);
    if (conflict.collection !== "tasks") return undefined;
    if (decision.field === null) return tellDeletion(telling, conflict);
    return tellField(telling, conflict, decision.field);
  });
}

function tellField(telling: ConflictTelling, conflict: ConflictNotice, field: string): void {
  const { client, notices, person, nameOf } = telling;
  const { decision, id, key } = conflict;
  const audience: Audience = { nameOf, self: person().user };
  const title = `${quoted(client.tasks.get(id)?.title ?? "A card")}: ${fieldName(field)}`;
  const seen = (): void => client.conflicts.dismiss(key);
  if (decision.winner === "review") {
    // From here on the review says it, on the card.
    seen();
    const open: NoticeAction = { label: "Open the card", run: () => openCard(id) };
    notices.add({
      tone: "merged",
      card: id,
      title,
      text: `${chosenText(field, [decision.current, decision.incoming], audience)}. A lead decides.`,
      actions: [open],
    });
    return;
  }
  notices.add({
    tone: "merged",
    // Where mine stands, the card has nothing to say.
    card: conflict.isLost ? id : null,
    title,
    text: decisionText(decision, audience),
    actions: restoreAction(telling, conflict),
    seen,
  });
}

/** Items of a checklist and labels are merged one by one: there is no value to bring back. */
function restoreAction({ actions, person }: ConflictTelling, conflict: ConflictNotice): NoticeAction[] {
  const { policy } = conflict.decision;
  if (policy === "set" || policy === "list") return [];
  const isMine = loserOf(conflict.decision).user === person().user;
  return [{ label: isMine ? "Bring mine back" : "Take theirs", run: () => actions.restore(conflict) }];
}

function tellDeletion({ client, notices, actions }: ConflictTelling, { id, key, isLost }: ConflictNotice): void {
  if (!isLost) return client.conflicts.dismiss(key);
  const bringBack = actions.bringBack(id);
  notices.add({
    tone: "merged",
    title: "Somebody deleted a card that you changed",
    text: "A deletion goes before a change that was made at the same time.",
    actions: bringBack === null ? [] : [{ label: "Bring it back", run: bringBack }],
    seen: () => client.conflicts.dismiss(key),
  });
  return undefined;
}
