/** The engine: pure machines that a runtime, or a simulator, drives. Unstable: it changes with minor versions. */
export type {
  HubEffect,
  OutboundMessage,
  PreparedMessage,
  ReconcileAnswer,
  ReconcileEntity,
  ReconcileResponse,
} from "./effect.ts";
export { Hub } from "./hub.ts";
export type {
  HubInput,
  HubTimer,
  Principal,
  ReadRequest,
  ReadResult,
  ReconcileBody,
  ReconcileMutation,
  ReconcilePosition,
} from "./input.ts";
export { DEFAULT_BOUNDS, type EngineBounds, type HubOptions } from "./ports.ts";
export { parseReconcilePosition } from "./reconcile.ts";
export { MIGRATION_DEVICE, RowMigration } from "./row-migration.ts";
export { RowsBehind } from "./rows-version.ts";
export type {
  Commit,
  DecisionQuery,
  DeviceRecord,
  Receipt,
  Snapshot,
  StoredDecision,
  StoredEntity,
  StoredEvent,
  TenantRecord,
} from "./records.ts";
export type { CollectionRules, ReviewRequest, RuleContext, Rules, WriteRequest } from "./rules.ts";
