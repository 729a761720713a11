/** The way to the review inbox, which the server brings along: as the same person, with a token of their own. */
import { useConnection } from "@tidelock/client/react";
import { type BoardSession, useSession } from "../session/board-session.tsx";
import { fetchToken } from "../session/token.ts";

/** Goes there; `null` while there is no connection, because the inbox is nowhere else. */
export function useInbox(): (() => void) | null {
  const session = useSession();
  const { isConnected } = useConnection();
  return isConnected ? () => void openInbox(session) : null;
}

async function openInbox({ person, notices }: BoardSession): Promise<void> {
  try {
    const token = await fetchToken(person());
    // Browsers do not send fragments, and the inbox takes it out of the address at once.
    location.assign(`/inbox/#${new URLSearchParams({ token }).toString()}`);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    notices.add({ tone: "problem", title: "The inbox cannot be opened", text });
  }
}
