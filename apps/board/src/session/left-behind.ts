/**
 * What closed tabs have left behind: a tab that was closed while offline has its unsent changes in its slot's database.
 * Any other tab that is online opens that slot, sends them, and closes it again. A slot is held meanwhile, so that a tab
 * that opens takes another one.
 */
import type { BoardClient } from "./open-client.ts";
import { openClient } from "./open-client.ts";
import { personAt, usedSlots } from "./person.ts";
import { claimIfFree, type Slot } from "./slots.ts";

const PATIENCE_MS = 30_000;

/** How many changes were sent. What cannot be sent now stays where it is. */
export async function sendLeftBehind(own: Slot, stop: AbortSignal): Promise<number> {
  let sent = 0;
  for (const number of usedSlots()) {
    if (number === own.number || stop.aborted) continue;
    const slot = await claimIfFree(number);
    if (slot === null) continue;
    try {
      sent += await drain(slot, stop);
    } finally {
      slot.release();
    }
  }
  return sent;
}

async function drain(slot: Slot, stop: AbortSignal): Promise<number> {
  const person = personAt(slot.number);
  if (person === null) return 0;
  const client = openClient(slot, () => person, false);
  try {
    await client.opened;
    const before = client.status.value.pendingCount;
    if (before === 0) return 0;
    client.goOnline();
    await untilSent(client, AbortSignal.any([stop, AbortSignal.timeout(PATIENCE_MS)]));
    return before - client.status.value.pendingCount;
  } finally {
    await client.close();
  }
}

function untilSent(client: BoardClient, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (client.status.value.pendingCount > 0 && !stop.aborted) return;
      unsubscribe();
      resolve();
    };
    const unsubscribe = client.status.subscribe(look);
    stop.addEventListener("abort", look);
    look();
  });
}
