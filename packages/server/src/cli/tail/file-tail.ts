/**
 * Follows a tenant's log in a data file, read only: beside a running server or without one. It sees events as they are
 * stored: who wrote them, what the fields were before, and what was settled.
 */
import {
  type DomainEvent,
  formatCheckpoint,
  type JsonValue,
  parseCheckpoint,
  parseEpoch,
  SYSTEM_PREFIX,
} from "@tidelock/core";
import { DataFile, isHeld, type TenantLog } from "../data-file.ts";
import { shortPath } from "../dev-secret.ts";
import { AdvisedError, UsageError } from "../failure.ts";
import { EventPrinter } from "./event-lines.ts";
import { pause } from "./pause.ts";

export interface FileTailOptions {
  readonly path: string;
  /** `null`: the only one that there is. */
  readonly tenant: string | null;
  readonly collections: readonly string[];
  /** A checkpoint or an offset to go on from; `null`: the last `last` events. */
  readonly from: string | null;
  readonly last: number;
  /** Whether to end with the log instead of waiting for more. */
  readonly once: boolean;
  readonly asJson: boolean;
  readonly signal: AbortSignal;
}

/** Events in one read. */
const PAGE = 500;
/** How often the file is asked whether it has changed, which reads one page of shared memory. */
const POLL_MS = 150;

export async function tailFile(options: FileTailOptions): Promise<void> {
  const file = DataFile.open(options.path);
  try {
    const tenant = chooseTenant(file, options);
    const printer = new EventPrinter(options.asJson);
    let after = startOffset(tenant, options);
    const server = isHeld(options.path) ? "a server runs on it" : "no server runs on it";
    const text = `reading tenant ${tenant.name} of ${shortPath(options.path)} from offset ${after} of ${tenant.head}; ${server}`;
    printer.remark("opened", text, { tenant: tenant.name, epoch: tenant.epoch, head: tenant.head, offset: after });
    while (!options.signal.aborted) {
      const version = file.dataVersion;
      after = printNew(file, tenant, after, printer, options.collections);
      if (options.once) return;
      while (!options.signal.aborted && file.dataVersion === version) {
        await pause(POLL_MS, options.signal);
      }
    }
  } finally {
    file.close();
  }
}

function chooseTenant(file: DataFile, { tenant: name, path }: FileTailOptions): TenantLog {
  const tenants = file.tenants();
  const [only, another] = tenants;
  const names = tenants.map((tenant) => tenant.name).join(", ");
  if (only === undefined) {
    throw new AdvisedError(
      "not-found",
      `${shortPath(path)} has no tenants yet`,
      "Write something first: `tidelock dev` prints an example.",
    );
  }
  if (name === null) {
    if (another === undefined) return only;
    throw new UsageError(`${shortPath(path)} has several tenants`, `Choose one with --tenant: ${names}.`);
  }
  const found = tenants.find((tenant) => tenant.name === name);
  if (found !== undefined) return found;
  throw new AdvisedError("not-found", `${shortPath(path)} has no tenant ${name}`, `There is ${names}.`);
}

function startOffset(tenant: TenantLog, { from, last }: FileTailOptions): number {
  if (from === null) return Math.max(tenant.floor, tenant.head - last);
  const given = /^\d+$/.test(from) ? Number(from) : checkpointOffset(from, tenant);
  return Math.max(tenant.floor, given);
}

function checkpointOffset(text: string, tenant: TenantLog): number {
  const checkpoint = parseCheckpoint(text);
  if (checkpoint === null) {
    throw new AdvisedError(
      "version-invalid",
      `${JSON.stringify(text)} is neither an offset nor a checkpoint`,
      "Use one that tail printed, or a number.",
    );
  }
  if (checkpoint.epoch === tenant.epoch) return checkpoint.offset;
  const detail = `the checkpoint belongs to another log; this one has the epoch ${tenant.epoch}`;
  throw new AdvisedError("epoch-changed", detail, "Leave --from out, or give an offset.");
}

/** Prints what has come, and returns the offset that was reached. */
function printNew(
  file: DataFile,
  tenant: TenantLog,
  from: number,
  printer: EventPrinter,
  collections: readonly string[],
): number {
  let after = from;
  const columns = file.columnsOf(tenant);
  printer.expectCollections(
    collections.length > 0 ? collections : [...columns.keys()].filter((name) => !name.startsWith(SYSTEM_PREFIX)),
  );
  for (;;) {
    const events = file.events(tenant, after, PAGE);
    for (const event of events) {
      after = event.offset;
      if (collections.length > 0 && !collections.includes(event.collection)) continue;
      printEvent(event, tenant, columns.get(event.collection) ?? [], printer);
    }
    if (events.length < PAGE) return after;
  }
}

function printEvent(event: DomainEvent, tenant: TenantLog, columns: readonly string[], printer: EventPrinter): void {
  const { offset, kind, collection, entity, device, counter, user, time, changed, was, row, decisions } = event;
  const valueOf = (name: string): JsonValue => row?.[columns.indexOf(name)] ?? null;
  const epoch = parseEpoch(tenant.epoch);
  printer.change(
    {
      time,
      offset,
      collection,
      entity,
      kind,
      fields: kind === "deleted" ? {} : Object.fromEntries(changed.map((name) => [name, valueOf(name)])),
      was: Object.fromEntries(changed.map((name, index) => [name, was[index] ?? null])),
      author: { user, device, counter, conflicts: decisions },
    },
    epoch === null ? {} : { checkpoint: formatCheckpoint({ epoch, offset }) },
  );
}
