/**
 * Brings a tenant's rows to the version of its schema before anyone is served: one page and at most one append at a time,
 * as the engine's `RowMigration` plans them. Whenever it is killed, the next start goes on where it was.
 */
import type { Millis, Schema, TenantId } from "@tidelock/core";
import { MIGRATION_DEVICE, RowMigration } from "../engine/row-migration.ts";
import type { Logger } from "../observe/log.ts";
import type { Storage } from "../storage/storage.ts";

type MigrationStorage = Pick<Storage, "openTenant" | "readDevice" | "readPage" | "append">;

export interface MigrationPorts {
  readonly storage: MigrationStorage;
  readonly log: Pick<Logger, "info" | "error">;
  readonly now: () => Millis;
}

export async function migrateRows(
  { storage, log, now }: MigrationPorts,
  tenant: TenantId,
  schema: Schema,
): Promise<void> {
  const record = await storage.openTenant(tenant);
  const counter = (await storage.readDevice(tenant, MIGRATION_DEVICE))?.decided ?? 0;
  const migration = new RowMigration({ tenant, record, schema, now: now(), counter });
  log.info({ tenant, version: schema.version }, "bringing rows to the version of the schema");
  await storage.append([migration.begin()]);
  for (let { wanted } = migration; wanted !== null; { wanted } = migration) {
    const { entities } = await storage.readPage(tenant, wanted.collection, wanted.after, wanted.limit);
    const commit = migration.take(entities);
    if (commit !== null) await storage.append([commit]);
  }
  await storage.append([migration.end()]);
  const { rows, failures, named } = migration.report;
  const facts = { tenant, version: schema.version, rows, failures };
  if (failures > 0)
    log.error({ ...facts, named: [...named] }, "a migration failed on some rows; they stay as they are");
  log.info(facts, "rows are at the version of the schema");
}
