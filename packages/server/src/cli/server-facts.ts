/** What there is to say about a server: what a configuration asks of it, what it holds, and where its doors are. */
import type { CollectionSchema, Schema } from "@tidelock/core";
import type { ServerOptions } from "../api/options.ts";
import type { TidelockConfig } from "./config.ts";

/** What a configuration says about the server itself, in the words of `createServer`. */
export function serverEntries(config: Partial<TidelockConfig>): Partial<ServerOptions> {
  const { rules, rooms, limits, origins, retention, upgrade, snapshotCacheBytes, inbox, ruleTimeoutMs } = config;
  return {
    ...(rules && { rules }),
    ...(rooms && { rooms }),
    ...(limits && { limits }),
    ...(origins && { origins }),
    ...(retention && { retention }),
    ...(upgrade && { upgrade }),
    ...(snapshotCacheBytes !== undefined && { snapshotCacheBytes }),
    ...(inbox !== undefined && { inbox }),
    ...(ruleTimeoutMs !== undefined && { ruleTimeoutMs }),
  };
}

/** The collections that the schema declares. */
export function ownCollections(schema: Schema): readonly CollectionSchema[] {
  return [...schema.collections.values()].filter(({ isSystem }) => !isSystem);
}

/** `tasks (title, done), notes (text)`: as much of a schema as a line holds. */
export function schemaSummary(schema: Schema): string {
  return ownCollections(schema)
    .map(({ name, fields }) => `${name} (${fields.map((field) => field.name).join(", ")})`)
    .join(", ");
}

/** Where the server's doors are. */
export function addressesOf(
  url: string,
  { inbox = true }: Pick<TidelockConfig, "inbox">,
): readonly (readonly [name: string, address: string])[] {
  return [
    ["Sync", `${url.replace(/^http/, "ws")}/sync`],
    ["Events", `${url}/sync/events`],
    ["Reconcile", `${url}/sync/reconcile`],
    ["Health", `${url}/healthz`],
    ["Metrics", `${url}/metrics`],
    ["OpenAPI", `${url}/openapi.json`],
    ...(inbox ? [["Inbox", `${url}/inbox/`] as const] : []),
  ];
}
