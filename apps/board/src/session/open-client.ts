/** The client of a slot: its own database, and tokens from the demo's server. */
import { type Client, createClient } from "@tidelock/client";
import { indexedDbStore } from "@tidelock/client/indexeddb";
import { schema } from "../schema.ts";
import type { Person } from "./person.ts";
import type { Slot } from "./slots.ts";

export type BoardClient = Client<typeof schema>;

declare module "@tidelock/client/react" {
  interface Register {
    schema: typeof schema;
  }
}

/** @param person whose name counts when a token is asked for */
export function openClient(slot: Slot, person: () => Person, autoConnect: boolean): BoardClient {
  return createClient({
    url: "/",
    schema,
    store: indexedDbStore({ name: slot.store }),
    auth: () => fetchToken(person()),
    autoConnect,
  });
}

async function fetchToken(person: Person): Promise<string> {
  const response = await fetch("/demo/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(person),
  });
  if (!response.ok) throw new Error(`The server gave no session: ${response.status}`);
  const { token } = (await response.json()) as { token: string };
  return token;
}
