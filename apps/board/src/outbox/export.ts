/** Everything that the server does not have, as a file: to keep, or to send to somebody who can help. */
import type { UnsentWork } from "@tidelock/client";

export function downloadUnsentWork(work: UnsentWork): void {
  const file = new Blob([JSON.stringify(work, null, 2)], { type: "application/json" });
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = `unsent-${new Date(work.exportedAt).toISOString().slice(0, 19).replaceAll(":", "-")}.json`;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
