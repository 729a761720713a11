/** Where rows hold their values: the columns that the log knows already, then those that the schema has added. */
import { columnNames, type Columns, type Schema } from "@tidelock/core";
import type { TenantRecord } from "./records.ts";

/** The columns of every collection, and the lists that have grown and are to be stored with the next append. */
export function columnsFor(
  { collections }: Schema,
  record: TenantRecord,
): { readonly columns: ReadonlyMap<string, Columns>; readonly grown: readonly (readonly [string, Columns])[] } {
  const columns = new Map<string, Columns>();
  const grown: Array<readonly [string, Columns]> = [];
  for (const schema of collections.values()) {
    const known = record.columns.get(schema.name) ?? [];
    const added = columnNames(schema).filter((name) => !known.includes(name));
    columns.set(schema.name, [...known, ...added]);
    if (added.length > 0) grown.push([schema.name, [...known, ...added]]);
  }
  return { columns, grown };
}
