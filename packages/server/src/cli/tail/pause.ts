/** Waiting that ends early, without an error, when the signal comes. */
import { setTimeout as wait } from "node:timers/promises";

export async function pause(millis: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(millis, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
