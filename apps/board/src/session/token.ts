/**
 * Tokens from the demo's server. The last one is kept for the tab: while the server cannot be reached, connecting should
 * fail for that reason, not because nobody could be asked who this is.
 */
import type { Person } from "./person.ts";

export async function fetchToken(person: Person): Promise<string> {
  const key = `tidelock-board:token:${person.user}`;
  const response = await askServer(person);
  const token = response === null ? sessionStorage.getItem(key) : await tokenOf(response);
  if (token === null) throw new Error("the server cannot be reached");
  sessionStorage.setItem(key, token);
  return token;
}

/** `null` when the server does not answer. */
async function askServer(person: Person): Promise<Response | null> {
  try {
    return await fetch("/demo/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(person),
    });
  } catch {
    return null;
  }
}

async function tokenOf(response: Response): Promise<string> {
  if (!response.ok) throw new Error(`the server gave no session: ${response.status}`);
  const { token } = (await response.json()) as { token: string };
  return token;
}
