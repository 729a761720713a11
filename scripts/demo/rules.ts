/**
 * What the demo's server allows. Devices do not know these rules: they show a change at once, and take it back with the
 * reason when the server refuses it. So there is something to try: a refused change waits in the outbox.
 *
 * - A card with the label “sign-off” is finished by somebody other than its assignee.
 * - A title fits on the board at the pier.
 * - Leads decide between two due dates.
 * - People are written down as their tokens say, never otherwise.
 */
import type { RuleContext, Rules, WriteRequest } from "@tidelock/server";

const SIGN_OFF = "sign-off";
const MAX_TITLE_LENGTH = 80;

export const demoRules: Rules = {
  tasks: {
    write: ({ claims }, request) => signOffProblem(claims["name"], request) ?? titleProblem(request) ?? true,
    review: ({ claims }) => claims["role"] === "lead" || "Only a lead decides between two due dates",
  },
  people: {
    write: (context, request) => isSelf(context, request) || "People are written down as their logins say",
  },
};

function signOffProblem(name: unknown, { before, after }: WriteRequest): string | null {
  if (typeof name !== "string" || after?.["status"] !== "done" || before?.["status"] === "done") return null;
  const labels = after["labels"];
  if (!Array.isArray(labels) || !labels.includes(SIGN_OFF) || after["assignee"] !== name) return null;
  return `“${SIGN_OFF}”: somebody other than ${name} has to move this card to Done`;
}

function titleProblem({ before, after }: WriteRequest): string | null {
  const title = after?.["title"];
  if (typeof title !== "string" || title === before?.["title"] || title.length <= MAX_TITLE_LENGTH) return null;
  return `The board at the pier shows ${MAX_TITLE_LENGTH} characters of a title, and this one has ${title.length}`;
}

function isSelf({ user, claims }: RuleContext, { after }: WriteRequest): boolean {
  return after !== null && after["id"] === user && after["name"] === claims["name"] && after["role"] === claims["role"];
}
