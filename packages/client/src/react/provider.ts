/** The client that hooks use: given once, near the root. The provider neither makes nor closes it. */
import type { Schema } from "@tidelock/core";
import { createContext, createElement, type ReactNode, useContext } from "react";
import type { Client, ClientBase } from "../api/client.ts";
import type { RegisteredSchema } from "./register.ts";

const ClientContext = createContext<ClientBase | null>(null);

export interface TidelockProviderProps {
  /** Made with `createClient`, outside of any component. */
  readonly client: ClientBase;
  readonly children?: ReactNode;
}

/** `<TidelockProvider client={client}>…</TidelockProvider>` */
export function TidelockProvider({ client, children }: TidelockProviderProps): ReactNode {
  return createElement(ClientContext.Provider, { value: client }, children);
}

/** The client of the nearest provider. Throws when there is none. */
export function useClient<Source extends Schema = RegisteredSchema>(): Client<Source> {
  const client = useContext(ClientContext);
  if (client === null) throw new Error("Tidelock hooks need a <TidelockProvider client={…}> above them.");
  // The provider's client is the application's, whose schema is registered or named by the caller.
  return client as unknown as Client<Source>;
}
