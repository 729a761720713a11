/**
 * The one rule of the demo's server, which devices do not know: a card with the label “sign-off” is finished by somebody
 * other than its assignee. A device shows the move at once, and takes it back with the reason when the server refuses.
 */
import type { Rules, WriteRequest } from "@tidelock/server";

const LABEL = "sign-off";

export const demoRules: Rules = {
  tasks: {
    write: ({ claims }, request) => {
      const name = claims["name"];
      if (typeof name !== "string" || !isFinished(request) || request.after?.["assignee"] !== name) return true;
      return `“${LABEL}”: somebody other than ${name} has to move this card to Done`;
    },
  },
};

function isFinished({ before, after }: WriteRequest): boolean {
  if (after?.["status"] !== "done" || before?.["status"] === "done") return false;
  const labels = after["labels"];
  return Array.isArray(labels) && labels.includes(LABEL);
}
