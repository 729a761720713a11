/** The client of a slot: its own database, and tokens from the demo's server. */
import { type Client, createClient } from "@tidelock/client";
import { indexedDbStore } from "@tidelock/client/indexeddb";
import { schema } from "../schema.ts";
import type { Person } from "./person.ts";
import type { Slot } from "./slots.ts";
import { fetchToken } from "./token.ts";

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
