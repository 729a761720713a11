/**
 * The migration of a tenant's rows to the version of its schema, before a hub serves them: in steps, each one page read and
 * at most one append. Every row that lacks columns gets them as an ordinary event of the server's own, so that devices,
 * the log and the bus learn of the new fields as of any change, and devices of both versions hold the same row.
 *
 * What stays true: after any step the rows are readable under both versions; what is done is not done again, because a
 * migrated row has all columns. So it may be killed anywhere and begun again. Before its first step is on disk an older
 * server may still open the tenant, after it none may. A row on which a migration fails stays as it is and is read with
 * defaults where nothing can be told.
 */
import {
  assert,
  type Columns,
  type CollectionSchema,
  type Counter,
  type DeviceId,
  type DomainEvent,
  encodeEvent,
  type EntityId,
  type EntityState,
  makeStamp,
  type Millis,
  type Offset,
  parseDeviceId,
  parseUserId,
  REVIEWS,
  sameJson,
  type Schema,
  SYSTEM_PREFIX,
  type TenantId,
  TidelockError,
} from "@tidelock/core";
import { columnsFor } from "./columns.ts";
import { decodeEntity, encodeEntity, encodeRow } from "./entity-codec.ts";
import type { Commit, StoredEntity, StoredEvent, TenantRecord } from "./records.ts";
import { fatesOf, type Fates, migratedMark, migratedReview } from "./review-migration.ts";
import { collectionsBehind, fieldWithoutValue, rowsNote, rowsVersionOf } from "./rows-version.ts";
import { upcast } from "./upcast.ts";

/** Rows read, and at most events written, in one step. More would hold larger parts of a large tenant in memory. */
const PAGE_ROWS = 200;
/** Rows that are named in the log when a migration fails on them. */
const MAX_NAMED_FAILURES = 10;

const device = parseDeviceId(`${SYSTEM_PREFIX}migration`);
const user = parseUserId("tidelock");
assert(device !== null && user !== null, "the server's own names are names");
/** Whose events a migration's are. Its name is one that no client can take. */
export const MIGRATION_DEVICE: DeviceId = device;
const MIGRATION_USER = user;

/** What the migration wants to read next. */
export interface PageWanted {
  readonly collection: string;
  readonly after: EntityId | null;
  readonly limit: number;
}

export interface MigrationStart {
  readonly tenant: TenantId;
  readonly record: TenantRecord;
  readonly schema: Schema;
  readonly now: Millis;
  /** The last counter of `MIGRATION_DEVICE` in this tenant. */
  readonly counter: Counter;
}

export class RowMigration {
  readonly #start: MigrationStart;
  readonly #columns: ReadonlyMap<string, Columns>;
  readonly #grown: Commit["columns"];
  readonly #fates: Fates;
  readonly #waiting: CollectionSchema[];
  #after: EntityId | null = null;
  #head: Offset;
  #counter: Counter;
  #rows = 0;
  #failures = 0;
  readonly #named: string[] = [];

  constructor(start: MigrationStart) {
    this.#start = start;
    const { schema, record } = start;
    const { columns, grown } = columnsFor(schema, record);
    this.#columns = columns;
    this.#grown = grown;
    this.#head = record.head;
    this.#counter = start.counter;
    const behind = collectionsBehind(record, schema);
    this.#fates = fatesOf(behind, rowsVersionOf(record));
    const reviews = schema.collections.get(REVIEWS);
    this.#waiting = [...behind, ...(reviews === undefined || !record.columns.has(REVIEWS) ? [] : [reviews])];
  }

  /** Rows that were changed, and those on which a migration failed, some of them with the reason. */
  get report(): { readonly rows: number; readonly failures: number; readonly named: readonly string[] } {
    return { rows: this.#rows, failures: this.#failures, named: this.#named };
  }

  /** The first append: from here on no older server opens the tenant, and every row's columns are known. */
  begin(): Commit {
    const { record, schema } = this.#start;
    return this.#commit([], [], [...this.#grown, ...rowsNote(record, schema, "to")]);
  }

  /** The page to read for the next step; `null` when all rows are done. */
  get wanted(): PageWanted | null {
    const [collection] = this.#waiting;
    return collection === undefined ? null : { collection: collection.name, after: this.#after, limit: PAGE_ROWS };
  }

  /** The step that a page of living entities asks for; `null` when all of them are done. */
  take(page: readonly StoredEntity[]): Commit | null {
    const [schema] = this.#waiting;
    assert(schema !== undefined, "a page of nothing");
    const columns = this.#columnsOf(schema);
    const events: StoredEvent[] = [];
    const entities: StoredEntity[] = [];
    for (const stored of page) {
      const before = decodeEntity(stored, columns.length);
      const migrated = this.#migrated(before, schema);
      if (migrated === null) continue;
      const after = { ...migrated, at: this.#head + events.length + 1 };
      const row = encodeRow(after.values);
      events.push({ offset: after.at, remaining: 0, body: encodeEvent(this.#event(before, after, columns), row) });
      entities.push(encodeEntity(after, row));
    }
    const isLast = page.length < PAGE_ROWS;
    if (isLast) this.#waiting.shift();
    this.#after = isLast ? null : (page.at(-1)?.id ?? null);
    if (events.length === 0) return null;
    const commit = this.#commit(events, entities, []);
    this.#head += events.length;
    this.#rows += events.length;
    return commit;
  }

  /** The last append: all rows are there. */
  end(): Commit {
    const { record, schema } = this.#start;
    const [begun] = rowsNote(record, schema, "to");
    const columns = begun === undefined ? record.columns : new Map([...record.columns, begun]);
    return this.#commit([], [], rowsNote({ ...record, columns }, schema, "rows"));
  }

  #columnsOf({ name }: CollectionSchema): Columns {
    return this.#columns.get(name) ?? [];
  }

  /** The entity as it is in this version; `null` when it is so already, or cannot be made so. */
  #migrated(state: EntityState, schema: CollectionSchema): EntityState | null {
    const columns = this.#columnsOf(schema);
    if (state.values === null) return null;
    if (schema.isSystem) {
      const closing = { user: MIGRATION_USER, device: MIGRATION_DEVICE, now: this.#start.now };
      const values = migratedReview(state.values, columns, this.#fates, closing);
      return values === null ? null : { ...state, values };
    }
    this.#assertFilled(state.values.length, schema);
    const failures = this.#failures;
    const whole = upcast(state, columns, schema, (problem) => this.#failed(`${schema.name} ${state.id}: ${problem}`));
    if (this.#failures > failures) return null;
    const marked = migratedMark(whole, columns, this.#fates.get(schema.name));
    return marked === state ? null : marked;
  }

  /** A field without any value in older rows is a mistake of the schema, and nothing is made of it. */
  #assertFilled(known: number, schema: CollectionSchema): void {
    const columns = this.#columnsOf(schema);
    const field = known < columns.length ? fieldWithoutValue(schema, columns.slice(0, known)) : null;
    if (field === null) return;
    const reason = `${schema.name}.${field} is new, has no default, and no migration says what it is in older entities`;
    throw new TidelockError("schema-invalid", reason);
  }

  #failed(problem: string): void {
    this.#failures += 1;
    if (this.#named.length < MAX_NAMED_FAILURES) this.#named.push(problem);
  }

  /** What it was is what it was read as: a value that was not there before is the one that followed from the others. */
  #event(before: EntityState, after: EntityState, columns: Columns): DomainEvent {
    const old = before.values ?? [];
    const changed = columns.filter(
      (_, column) => column >= old.length || !sameJson(old[column] ?? null, after.values?.[column] ?? null),
    );
    const was = changed.map((name) => {
      const column = columns.indexOf(name);
      return (column < old.length ? old[column] : after.values?.[column]) ?? null;
    });
    const { now } = this.#start;
    this.#counter += 1;
    return {
      offset: after.at,
      kind: "updated",
      collection: after.collection,
      entity: after.id,
      device: MIGRATION_DEVICE,
      counter: this.#counter,
      user: MIGRATION_USER,
      stamp: makeStamp(now, 0),
      claimed: null,
      time: now,
      seen: after.at - 1,
      remaining: 0,
      previous: before.at,
      changed,
      was,
      row: after.values,
      decisions: [],
      changes: null,
      call: null,
    };
  }

  #commit(events: readonly StoredEvent[], entities: readonly StoredEntity[], columns: Commit["columns"]): Commit {
    const { tenant, now } = this.#start;
    return {
      tenant,
      head: this.#head,
      events,
      entities,
      receipts: [],
      decisions: [],
      devices: [
        { device: MIGRATION_DEVICE, user: MIGRATION_USER, decided: this.#counter, acknowledged: 0, seenAt: now },
      ],
      columns,
    };
  }
}
