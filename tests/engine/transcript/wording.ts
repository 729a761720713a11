/** Messages and effects in words: one line each, with nothing that a reader of a transcript would skip. */
import type {
  ChangeRow,
  ClientMessage,
  Decision,
  Filter,
  JsonValue,
  MutationRow,
  ResultDetail,
  ResultRow,
  ServerMessage,
  SubscriptionRequest,
} from "@tidelock/core";
import { ERRORS, type ErrorCode, isJsonObject, type ReviewCandidate, REVIEWS, sameJson } from "@tidelock/core";
import type { Commit, ReadRequest } from "@tidelock/server/engine";
import type { StoreBatch } from "@tidelock/client/engine";
import { deals } from "../deals.ts";
import { START } from "../names.ts";
import { schema as tasks } from "../schema.ts";

export type ColumnsOf = (collection: string) => readonly string[];

/** JSON without what is only there for machines. */
export function value(json: JsonValue | undefined): string {
  if (json === undefined) return "–";
  if (Array.isArray(json)) return `[${json.map(value).join(", ")}]`;
  if (typeof json !== "object" || json === null) return JSON.stringify(json);
  const members = Object.entries(json).map(([name, member]) => `${name}: ${value(member)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

export function filter(where: Filter): string {
  return Object.keys(where).length === 0 ? "all" : value(where as JsonValue);
}

/** The fields of an entity, without those that have their default. */
export function fields(collection: string, given: Readonly<Record<string, JsonValue>>): string {
  if (collection === REVIEWS) return review(given);
  const shape = (tasks.collections.get(collection) ?? deals.collections.get(collection))?.byName;
  const said = Object.entries(given).filter(([name, member]) => !sameJson(shape?.get(name)?.default ?? null, member));
  return value(Object.fromEntries(said));
}

/** What of a review a person would look at; of one that changes, what does. */
function review(given: Readonly<Record<string, JsonValue>>): string {
  const parts: string[] = [];
  const { entity, field, collection, policy, status, base, candidates, outcome, assignee, note, due } = given;
  if (entity !== undefined) parts.push(`of ${collection}/${entity}${field === null ? "" : `.${field}`}`);
  if (typeof policy === "string" && policy !== "review") parts.push(`by ${policy}`);
  if (typeof status === "string") parts.push(status);
  if (Array.isArray(base) && base.length > 0) parts.push(`from ${value(base[0])}`);
  if (Array.isArray(candidates)) parts.push(`wanted ${candidates.map(candidate).join(" or ")}`);
  if (isJsonObject(outcome)) {
    const what = outcome["kind"] === "deleted" ? "" : ` ${value(outcome["value"])}`;
    parts.push(`${outcome["kind"]}${what} by ${outcome["user"]}`);
  }
  if (typeof assignee === "string") parts.push(`for ${assignee}`);
  if (typeof note === "string") parts.push(`"${note}"`);
  if (typeof due === "number") parts.push(`due after ${due - START} ms`);
  return `{ ${parts.join(", ")} }`;
}

function candidate(each: JsonValue): string {
  // Only the server writes reviews.
  const { id, value: wanted } = each as unknown as ReviewCandidate;
  return `${value(wanted)} (${id})`;
}

/** A message that says more than its code does. */
export function because({ code, message }: { readonly code: ErrorCode; readonly message: string }): string {
  return message === ERRORS[code].message ? "" : ` (${message})`;
}

/** What an operator reads, without the places in the code. */
export function problem(facts: Readonly<Record<string, JsonValue>>): string {
  return String(facts["problem"] ?? value(facts)).split("\n")[0] ?? "";
}

function row(collection: string, values: readonly JsonValue[], columns: readonly string[]): string {
  return fields(collection, Object.fromEntries(columns.map((name, position) => [name, values[position] ?? null])));
}

function mutation([counter, operation, collection, id, fields, seen, , remaining]: MutationRow): string {
  const given = operation === "delete" ? "" : ` ${value(fields as JsonValue)}`;
  return `#${counter} ${operation} ${collection}/${id}${given}, seen ${seen}${remaining > 0 ? ", and" : ""}`;
}

function subscription({ id, collection, where, key }: SubscriptionRequest): string {
  return `${id} ${collection} ${filter(where)}${key === null ? "" : " (held)"}`;
}

/** What a device says. Signs of life and acknowledgements are left out. */
export function fromDevice(message: ClientMessage): string[] {
  switch (message.type) {
    case "hello": {
      const { device, epoch, checkpoint, decided, subscriptions } = message;
      const wanted = subscriptions.length === 0 ? "" : `; wants ${subscriptions.map(subscription).join(", ")}`;
      return [
        `hello ${device}, holds ${epoch ?? "nothing"}${epoch === null ? "" : `.${checkpoint}`}, decided ${decided}${wanted}`,
      ];
    }
    case "push":
      return message.mutations.map((each) => `push ${mutation(each)}`);
    case "subscribe":
      return [`subscribe ${subscription(message)}`];
    case "unsubscribe":
      return [`unsubscribe ${message.id}`];
    case "presence":
      return [`presence ${message.action} ${message.room} ${value(message.state)}`];
    case "auth":
      return ["auth"];
    default:
      return [];
  }
}

function decision({ field, policy, winner, value: made, current, incoming, reason }: Decision): string {
  const what = field ?? "entity";
  const why = `(${policy}: ${reason})`;
  const [one, other] = [value(current.value), value(incoming.value)];
  switch (winner) {
    case "current":
      return `${what}: ${one} stands, not ${other} ${why}`;
    case "incoming":
      return `${what}: ${other} stands, not ${one} ${why}`;
    case "merged":
      return `${what}: ${value(made)} is made of ${one} and ${other} ${why}`;
    case "review":
      return `${what}: ${one} for now, ${other} waits ${why}`;
  }
}

export function detail({ entity, code, message, conflicts, original }: ResultDetail): string {
  const parts = [
    entity === undefined ? "" : `is ${entity}`,
    original === undefined ? "" : `was ${original}`,
    code === undefined ? "" : `${code}: ${message}`,
    ...(conflicts ?? []).map(decision),
  ].filter((part) => part !== "");
  return parts.length === 0 ? "" : ` (${parts.join("; ")})`;
}

function result([counter, outcome, offset, more]: ResultRow): string {
  return `result #${counter} ${outcome}${offset > 0 ? ` at ${offset}` : ""}${detail(more ?? {})}`;
}

function change(changed: ChangeRow, columnsOf: ColumnsOf): string {
  const [kind, collection, id, at] = changed;
  const columns = columnsOf(collection);
  const name = `${collection}/${id}`;
  if (kind === 0) return `put ${name} ${row(collection, changed[4], columns)} at ${at}`;
  if (kind !== 1) return `${kind === 2 ? "deleted" : "withdrawn"} ${name} at ${at}`;
  const patch: Array<[string, JsonValue]> = [];
  for (let index = 0; index < changed[4].length; index += 2) {
    patch.push([columns[Number(changed[4][index])] ?? "?", changed[4][index + 1] ?? null]);
  }
  if (collection === REVIEWS) return `patch ${name} ${review(Object.fromEntries(patch))} at ${at}`;
  return `patch ${name} ${patch.map(([column, member]) => `${column}: ${value(member)}`).join(", ")} at ${at}`;
}

/** What the server says. */
export function fromServer(message: ServerMessage, columnsOf: ColumnsOf): string[] {
  switch (message.type) {
    case "welcome": {
      const { epoch, head, decided, whole, results, upgrade } = message;
      const goesOn = whole.length === 0 ? "" : `, ${whole.join(", ")} go on`;
      const newer = upgrade === null ? "" : `, newer: ${upgrade.message}`;
      return [`welcome to ${epoch}.${head}, decided ${decided}${goesOn}${newer}`, ...results.map(result)];
    }
    case "push-result":
      return message.results.map(result);
    case "resync":
      return [`resync to ${message.epoch}: ${message.reason}`];
    case "snapshot":
      return [`snapshot of ${message.subscription} at ${message.offset}`];
    case "rows":
      return message.rows.map(
        ([id, at, values]) =>
          `row ${message.collection}/${id} ${row(message.collection, values, columnsOf(message.collection))} at ${at}`,
      );
    case "snapshot-end":
      return [`snapshot of ${message.subscription} ends at ${message.offset}`];
    case "unsubscribed":
      return [`unsubscribed ${message.subscription}`];
    case "delta": {
      const of = message.subscription === undefined ? "" : ` of ${message.subscription}`;
      return [
        `delta${of} ${message.from} to ${message.to}`,
        ...message.changes.map((each) => `  ${change(each, columnsOf)}`),
      ];
    }
    case "presence":
      return message.members.map(
        ([id, , , , state]) => `presence in ${message.room}: ${id} ${state === null ? "left" : value(state)}`,
      );
    case "goaway":
      return [`goaway: ${message.reason}`];
    case "refusal":
      return [`refusal${message.fatal ? ", the end" : ""}: ${message.code} (${message.message})`];
    case "auth":
      return ["auth"];
    default:
      return [];
  }
}

/** What an append brings. */
export function commit({ head, events, receipts, devices }: Commit): string {
  const range = events.length === 0 ? "no event" : `events ${head + 1} to ${head + events.length}`;
  const decided = receipts.map(({ device, counter, outcome }) => `${device} #${counter} ${outcome}`);
  const known = decided.length > 0 ? decided : devices.map(({ device }) => `device ${device}`);
  return `append ${range}: ${known.join(", ")}`;
}

export function read(request: ReadRequest): string {
  switch (request.kind) {
    case "entities":
      return `read ${request.keys.map((key) => key.join("/")).join(", ")}`;
    case "events":
      return `read events after ${request.after}`;
    case "receipts":
      return `read results of ${request.device} after #${request.after}`;
    case "receipts-by-name":
      return `read names of ${request.device}: ${request.names.join(", ")}`;
    case "device":
      return `read device ${request.device}`;
    case "snapshot":
      return `read snapshot of ${request.collection} ${filter(request.filter)}`;
    case "page":
      return `read page of ${request.collection} after ${request.after ?? "nothing"}`;
    case "decisions":
      return `read decisions, at most ${request.limit}`;
    case "events-at":
      return `read events ${request.offsets.join(", ")}`;
  }
}

/** What a batch brings to a device's disk. */
export function batch({ facts, put, remove, putMutations, removeMutations }: StoreBatch): string {
  const parts = [
    ...putMutations.map(({ counter, state }) => `#${counter} ${state}`),
    ...removeMutations.map((counter) => `#${counter} gone`),
    ...put.map(({ collection, id }) => `${collection}/${id}`),
    ...remove.map(([collection, id]) => `${collection}/${id} gone`),
  ];
  const held = facts === null ? "" : `${facts.epoch ?? "nothing"}.${facts.checkpoint}`;
  return `stores ${[held, ...parts].filter((part) => part !== "").join(", ")}`;
}
