/**
 * `GET /demo/inbox`: the way into the review inbox as Mira, who leads the release and so may decide. The token travels in
 * the fragment of the address, which no server sees. On this machine only, like the sessions of the board.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type DemoSessions, isLocal } from "./session.ts";

export const INBOX_DOOR = "/demo/inbox";
const LEAD = { name: "Mira", user: "mira", role: "lead" } as const;

/** Answers a request for the door, and says whether it was one. */
export async function openInboxDoor(
  sessions: DemoSessions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  if (request.url !== INBOX_DOOR) return false;
  if (!isLocal(request)) {
    response.writeHead(403).end();
    return true;
  }
  const token = await sessions.token(LEAD);
  response.writeHead(302, { "location": `/inbox/#token=${token}`, "cache-control": "no-store" }).end();
  return true;
}
