/**
 * The reading side of the SQLite storage, synchronous: a connection of its own, so that a long snapshot does not hold up
 * the writer. Everything that belongs together is read in one transaction, which WAL pins to one moment: the last commit
 * before it began. It does not know threads.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  type Columns,
  type EntityId,
  type Filter,
  type JsonValue,
  type Offset,
  parseEntityId,
  type TenantId,
} from "@tidelock/core";
import type { DecisionQuery, StoredDecision, StoredEntity } from "../engine/records.ts";
import { rowMatcher, SnapshotChunks } from "./snapshot-chunks.ts";
import { SqliteDecisions } from "./sqlite-decisions.ts";
import { intact, integer, text } from "./sqlite-format.ts";

/**
 * Rows of a snapshot that are fetched at once. Measured: 100,000 rows one by one take 75 ms, in portions 45 ms; larger
 * portions win little, and this many of the largest rows still fit in memory.
 */
const PORTION = 200;

export class SqliteReader {
  readonly #database: DatabaseSync;
  readonly #selectHead: StatementSync;
  readonly #selectCollection: StatementSync;
  readonly #selectRows: StatementSync;
  readonly #selectPage: StatementSync;
  readonly #decisions: SqliteDecisions;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#selectHead = database.prepare("SELECT head FROM tenants WHERE name = ?");
    this.#selectCollection = database.prepare(
      "SELECT c.id FROM collections c JOIN tenants t ON t.id = c.tenant WHERE t.name = ? AND c.name = ?",
    );
    this.#selectRows = database.prepare(
      "SELECT id, at, row FROM entities WHERE collection = ? AND id > ? AND row IS NOT NULL ORDER BY id LIMIT ?",
    );
    this.#selectRows.setReturnArrays(true);
    this.#selectPage = database.prepare(
      "SELECT id, at, row, meta FROM entities WHERE collection = ? AND id > ? AND row IS NOT NULL ORDER BY id LIMIT ?",
    );
    this.#decisions = new SqliteDecisions(database);
  }

  /** Gives chunk after chunk, each the text of a whole `rows` message. */
  snapshot(
    tenant: TenantId,
    collection: string,
    filter: Filter,
    columns: Columns,
    defaults: readonly JsonValue[],
    give: (chunk: string) => void,
  ): { offset: Offset; count: number } {
    const matches = rowMatcher(filter, columns, defaults);
    return this.#atOneMoment(tenant, collection, (offset, key) => {
      const chunks = new SnapshotChunks(collection, offset, give);
      let count = 0;
      let portion = key === null ? [] : this.#selectRows.all(key, "", PORTION);
      while (portion.length > 0) {
        for (const fields of portion) {
          const id = text(fields[0]);
          const row = text(fields[2]);
          if (matches !== null && !matches(id, row)) continue;
          chunks.add(id, integer(fields[1]), row);
          count += 1;
        }
        portion = portion.length < PORTION ? [] : this.#selectRows.all(key, text(portion.at(-1)?.[0]), PORTION);
      }
      chunks.end();
      return { offset, count };
    });
  }

  readPage(
    tenant: TenantId,
    collection: string,
    after: EntityId | null,
    limit: number,
  ): { readonly offset: Offset; readonly entities: readonly StoredEntity[] } {
    return this.#atOneMoment(tenant, collection, (offset, key) => {
      const rows = key === null ? [] : this.#selectPage.all(key, after ?? "", limit);
      const entities = rows.map((row) => ({
        collection,
        id: intact(parseEntityId(row["id"])),
        at: integer(row["at"]),
        row: text(row["row"]),
        meta: text(row["meta"]),
      }));
      return { offset, entities };
    });
  }

  /** One statement, and so of one moment; keys of tenants and collections never change. */
  readDecisions(tenant: TenantId, query: DecisionQuery, limit: number): readonly StoredDecision[] {
    return this.#decisions.read(tenant, query, limit);
  }

  /** `read` gets the head and the collection's key (`null`: there is none), and reads as of that head. */
  #atOneMoment<Result>(
    tenant: TenantId,
    collection: string,
    read: (offset: Offset, key: number | null) => Result,
  ): Result {
    this.#database.exec("BEGIN");
    try {
      const head = this.#selectHead.get(tenant)?.["head"] ?? 0;
      const key = this.#selectCollection.get(tenant, collection)?.["id"];
      return read(integer(head), key === undefined ? null : integer(key));
    } finally {
      this.#database.exec("COMMIT");
    }
  }
}
