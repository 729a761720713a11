/** Filters: which rows they match, which are refused, and their keys. */
import { compileFilter, type Filter, filterKey, filterProblem, type JsonValue } from "@tidelock/core";

const COLUMNS = ["title", "done", "priority", "owner"];
const ROWS: ReadonlyArray<readonly [string, readonly JsonValue[]]> = [
  ["t1", ["Paint", false, 2, "ana"]],
  ["t2", ["paint", true, 2.5, null]],
  ["t3", ["", false, -1, "bob"]],
  ["t4", ["Ünder", true, null, "ana"]],
  ["t5", ["水", false, 0]],
  ["t6", []],
  ["t7", [["Paint"], { done: true }, "2", "t7"]],
];
const FILTERS: readonly Filter[] = [
  {},
  { title: "Paint" },
  { done: true },
  { priority: 2 },
  { priority: "2" },
  { priority: null },
  { owner: null },
  { id: "t3" },
  { id: { in: ["t1", "t4", "t9"] } },
  { id: { gt: "t2", lte: "t5" } },
  { owner: "t7", id: "t7" },
  { title: { ne: "Paint" } },
  { owner: { ne: null } },
  { priority: { gt: 0 } },
  { priority: { gte: 0, lt: 2.5 } },
  { priority: { gt: "1" } },
  { title: { gt: "P" } },
  { title: { gte: "", lt: "a" } },
  { done: { eq: false } },
  { done: {} },
  { owner: { in: [] } },
  { owner: { in: [null, "bob"] } },
  { and: [] },
  { or: [] },
  { not: {} },
  { not: { done: true } },
  { and: [{ done: false }, { priority: { gte: 0 } }] },
  { or: [{ owner: "ana" }, { priority: { lt: 0 } }] },
  { done: false, or: [{ owner: "ana" }, { owner: null }], not: { title: "水" } },
  { missing: null },
  { missing: "t1" },
];
const REFUSED: ReadonlyArray<readonly [string, string]> = [
  ["no object", '"done"'],
  ["a list", "[]"],
  ["an unknown field", '{"assignee":1}'],
  ["an operator as a field", '{"eq":1}'],
  ["__proto__ as a field", '{"__proto__":{"done":true}}'],
  ["__proto__ as an operator", '{"done":{"__proto__":true}}'],
  ["constructor as a field", '{"constructor":1}'],
  ["an unknown operator", '{"done":{"like":"x"}}'],
  ["a list as a value", '{"done":[true]}'],
  ["or without list", '{"or":{"done":true}}'],
  ["and with a word", '{"and":["done"]}'],
  ["not with a list", '{"not":[]}'],
  ["in without list", '{"done":{"in":true}}'],
  ["a list in a list", '{"done":{"in":[[true]]}}'],
  ["more than 256 values", JSON.stringify({ done: { in: Array.from({ length: 257 }, () => 1) } })],
  ["an object to equal", '{"done":{"eq":{}}}'],
  ["order without number or text", '{"priority":{"gt":null}}'],
  ["65 conditions", JSON.stringify({ and: Array.from({ length: 64 }, () => ({ done: true })) })],
  ["64 empty parts", JSON.stringify({ and: Array.from({ length: 64 }, () => ({})) })],
  ["33 levels", `${'{"not":'.repeat(32)}{"done":true}${"}".repeat(32)}`],
];
/** A schema may have fields that are not columns yet; they are null. */
const FIELDS = new Set([...COLUMNS, "missing"]);

export function filterVectors(): object {
  return {
    about:
      "`matches` names the rows that a filter matches; a row is its id and its values in column order. `missing` is a field that is not a column yet. `refused` are filters as JSON text.",
    columns: COLUMNS,
    fields: [...FIELDS],
    rows: ROWS,
    filters: FILTERS.map((filter) => {
      const problem = filterProblem(filter, FIELDS);
      if (problem !== null) throw new Error(`${JSON.stringify(filter)}: ${problem}`);
      const matches = compileFilter(filter, COLUMNS);
      return { filter, key: filterKey(filter), matches: ROWS.filter((row) => matches(...row)).map(([id]) => id) };
    }),
    refused: REFUSED.map(([name, json]) => {
      if (filterProblem(JSON.parse(json), FIELDS) === null) throw new Error(`accepted: ${name}`);
      return { name, json };
    }),
  };
}
