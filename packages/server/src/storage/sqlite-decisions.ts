/**
 * How decisions are found in the data file: newest first through one of the indexes of `sqlite-format.ts`, chosen by what
 * the query names.
 *
 * What stays true: a query reads the part of one index that has the tenant and the value that the index begins with, from
 * its newest end, until enough decisions fit; no others are read from the table.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { type Offset, parseEntityId, type TenantId } from "@tidelock/core";
import type { DecisionQuery, StoredDecision } from "../engine/records.ts";
import { intact, integer, text, textOrNull } from "./sqlite-format.ts";

/** The greatest offset that a key has room for. */
const MAX_OFFSET: Offset = 2 ** 40 - 1;

/** What a query may name and an index begins with: the first that is named is used, those with fewer decisions first. */
const LEADS = ["entity", "collection", "policy", "winner"] as const;
type Lead = (typeof LEADS)[number];

export class SqliteDecisions {
  readonly #selectTenant: StatementSync;
  readonly #selectCollection: StatementSync;
  readonly #selectInOrder: StatementSync;
  readonly #selectBy: ReadonlyMap<Lead, StatementSync>;

  constructor(database: DatabaseSync) {
    this.#selectTenant = database.prepare("SELECT id FROM tenants WHERE name = ?");
    this.#selectCollection = database.prepare("SELECT id FROM collections WHERE tenant = ? AND name = ?");
    this.#selectInOrder = database.prepare(selectDecisions("decisions_in_order", null));
    this.#selectBy = new Map(
      LEADS.map((lead) => [lead, database.prepare(selectDecisions(`decisions_by_${lead}`, lead))]),
    );
  }

  read(tenantName: TenantId, query: DecisionQuery, limit: number): readonly StoredDecision[] {
    const { entity = null, field = null, policy = null, winner = null } = query;
    const tenant = keyOf(this.#selectTenant, tenantName);
    if (tenant === null) return [];
    const collection = query.collection === undefined ? null : keyOf(this.#selectCollection, tenant, query.collection);
    if (collection === null && query.collection !== undefined) return [];
    const { offset, index } = query.before ?? { offset: MAX_OFFSET, index: Number.MAX_SAFE_INTEGER };
    // What comes before a decision that no key has room for: all.
    const before = offset > MAX_OFFSET ? [MAX_OFFSET, Number.MAX_SAFE_INTEGER] : [offset, index];
    const lead = LEADS.find((each) => query[each] !== undefined);
    const select = (lead === undefined ? null : this.#selectBy.get(lead)) ?? this.#selectInOrder;
    return select.all(tenant, ...before, collection, entity, field, policy, winner, limit).map(decisionOf);
  }
}

/** Parameters: tenant, offset and index of `before`, then collection, entity, field, policy, winner, and the limit. */
function selectDecisions(index: string, lead: Lead | null): string {
  const conditions = ["collection", "entity", "field", "policy", "winner"].map((column, position) => {
    const parameter = `?${position + 4}`;
    const isEqual = `d.${column} = ${parameter}`;
    return column === lead ? isEqual : `(${parameter} IS NULL OR ${isEqual})`;
  });
  return `
    SELECT d.event & ${MAX_OFFSET} AS offset, d.position, c.name AS collection,
      d.entity, d.field, d.policy, d.winner, d.time, d.body
    FROM decisions AS d INDEXED BY ${index} CROSS JOIN collections AS c ON c.id = d.collection
    WHERE d.event >= (?1 << 40) AND (d.event, d.position) < ((?1 << 40) | ?2, ?3) AND ${conditions.join(" AND ")}
    ORDER BY d.event DESC, d.position DESC LIMIT ?9`;
}

function decisionOf(row: NonNullable<ReturnType<StatementSync["get"]>>): StoredDecision {
  return {
    offset: integer(row["offset"]),
    index: integer(row["position"]),
    collection: text(row["collection"]),
    entity: intact(parseEntityId(row["entity"])),
    field: textOrNull(row["field"]),
    policy: text(row["policy"]),
    winner: text(row["winner"]),
    time: integer(row["time"]),
    body: text(row["body"]),
  };
}

function keyOf(select: StatementSync, ...parameters: SQLInputValue[]): number | null {
  const row = select.get(...parameters);
  return row === undefined ? null : integer(row["id"]);
}
