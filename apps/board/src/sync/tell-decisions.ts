/** Tells what the others have decided since this page was opened, and what one's own proposal came to. */
import type { Review } from "@tidelock/core";
import { openCard, openedCard } from "../board/route.ts";
import type { NameOf } from "../session/names.ts";
import type { BoardClient } from "../session/open-client.ts";
import type { Person } from "../session/person.ts";
import type { Notices } from "./notices.ts";
import { quoted, valueText } from "./words.ts";

interface DecisionTelling {
  readonly client: BoardClient;
  readonly notices: Notices;
  readonly person: () => Person;
  readonly nameOf: NameOf;
}

export function tellDecisions(telling: DecisionTelling): void {
  const { client } = telling;
  const told = new Set<string>();
  const closed = client.conflicts.reviews.query({ where: { closedAt: { gt: Date.now() } } });
  closed.subscribe(({ data }) => {
    for (const review of data) {
      if (told.has(review.id)) continue;
      told.add(review.id);
      tell(telling, review);
    }
  });
}

function tell({ client, notices, person, nameOf }: DecisionTelling, review: Review): void {
  const { outcome, field, entity, candidates } = review;
  const { user } = person();
  const task = client.tasks.get(entity);
  if (outcome === null || field === null || task === undefined || outcome.user === user) return;
  if (outcome.kind === "deleted") return;
  const mine = candidates.find((candidate) => candidate.user === user);
  const stands = valueText(field, outcome.value);
  const isMine = mine !== undefined && mine.id === outcome.candidate;
  notices.add({
    title: outcome.kind === "expired" ? "Nobody decided in time" : `${nameOf(outcome.user)} has decided`,
    text: [
      `${quoted(task.title)}: ${stands}.`,
      mine === undefined ? "" : isMine ? "That was yours." : `Yours was ${valueText(field, mine.value)}.`,
    ].join(" "),
    actions: openedCard() === entity ? [] : [{ label: "Open the card", run: () => openCard(entity) }],
  });
}
