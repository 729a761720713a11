/** Tells what the client reports: refusals, a store that cannot be opened, a newer version of the board. */
import type { RejectedEntry } from "@tidelock/client";
import { openCard, openedCard } from "../board/route.ts";
import type { BoardClient } from "../session/open-client.ts";
import type { Notices } from "./notices.ts";
import { quoted, STATUS_NAMES, taskOf } from "./words.ts";

export function tellTroubles(client: BoardClient, notices: Notices): void {
  client.opened.catch((error: unknown) => {
    notices.add({
      tone: "problem",
      isSticky: true,
      title: "This device's copy could not be opened",
      text: String(error),
    });
  });
  client.on("trouble", ({ code, message }) => notices.add({ tone: "problem", title: message, text: code }));
  client.on("rejected", (entry) => tellRefusal(client, notices, entry));
  client.on("upgrade", ({ required, message, url }) => {
    notices.add({
      isSticky: true,
      title: required ? "This version of the board can no longer connect" : "There is a newer version of the board",
      text: message,
      actions: [{ label: "Reload", run: () => (url === "" ? location.reload() : location.assign(url)) }],
    });
  });
}

/** A change of somebody's own does not stand: where the card is again, and why. */
function tellRefusal(client: BoardClient, notices: Notices, entry: RejectedEntry): void {
  // What failed only because something else did is told with that.
  if (entry.causedBy !== null) return;
  const id = taskOf(client, entry);
  const task = id === null ? undefined : client.tasks.get(id);
  notices.add({
    tone: "problem",
    title: refusalTitle(entry, task),
    text: `${entry.message}. The change waits in the outbox.`,
    actions:
      task === undefined || openedCard() === id ? [] : [{ label: "Open the card", run: () => openCard(task.id) }],
  });
}

function refusalTitle(
  { operation, collection }: RejectedEntry,
  task: { readonly title: string; readonly status: keyof typeof STATUS_NAMES } | undefined,
): string {
  if (task === undefined) return "The server refused a change";
  if (operation === "call" && collection === "closeCard")
    return `${quoted(task.title)} is back in ${STATUS_NAMES[task.status]}`;
  if (operation === "decide") return `Your decision on ${quoted(task.title)} does not count`;
  return `The server refused a change of ${quoted(task.title)}`;
}
