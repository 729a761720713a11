/** What the parts of a hub share, from what the hub was made with. */
import { type Columns, servedCollections, UNLIMITED } from "@tidelock/core";
import { DEFAULT_BOUNDS, type HubContext, type HubOptions } from "./ports.ts";

/** @param machine the hub's own clock, effects and reads */
export function contextOf(
  options: HubOptions,
  columns: ReadonlyMap<string, Columns>,
  machine: Pick<HubContext, "now" | "spokenTime" | "emit" | "read">,
): HubContext {
  const { tenant, record, schema, rules, limit, limits, bounds, random } = options;
  return {
    ...machine,
    tenant,
    epoch: record.epoch,
    collections: servedCollections(schema.collections),
    columns,
    rules: rules ?? {},
    mutators: schema.mutators,
    limit: limit ?? UNLIMITED,
    limits,
    bounds: { ...DEFAULT_BOUNDS, ...bounds },
    random,
    ruleContext: ({ user, claims }) => ({ tenant, user, claims, now: machine.now() }),
  };
}
