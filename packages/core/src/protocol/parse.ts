/**
 * From decoded values to messages: everything that arrives passes here before anything else looks at it.
 *
 * What a device sends is checked in full. What a server sends is checked in full too, except for the contents of `rows`
 * and `delta`: there, only that each entry has its parts, so that a cold start with many thousands of rows costs little.
 * A device trusts its own server for content; it does not trust it to be free of bugs.
 *
 * What stays true: nothing here throws, whatever the value. Unknown members are passed over: newer peers may add some.
 */
import { boundedMessage, type ErrorCode } from "../errors.ts";
import { CLIENT_MESSAGE, type ClientMessage, SERVER_MESSAGE, type ServerMessage } from "./messages.ts";

/** A message, or why there is none: a code of the catalogue, and what is wrong in at most 500 characters. */
export type Parsed<Message> =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** A refusal. The text may quote what arrived. */
export function refused<Message>(code: ErrorCode, problem: string): Parsed<Message> {
  return { ok: false, code, message: boundedMessage(problem) };
}

/** What a device sent. Refused with `invalid-message`. */
export function parseClientMessage(value: unknown): Parsed<ClientMessage> {
  const problem = CLIENT_MESSAGE.problem(value, "");
  // The shape has just been checked.
  return problem === null ? { ok: true, message: value as ClientMessage } : refused("invalid-message", problem);
}

/** What a server sent. Refused with `invalid-message`. */
export function parseServerMessage(value: unknown): Parsed<ServerMessage> {
  const problem = serverProblem(value);
  return problem === null ? { ok: true, message: value as ServerMessage } : refused("invalid-message", problem);
}

function serverProblem(value: unknown): string | null {
  if (isRecord(value)) {
    // The frame around the list is checked with an empty list in its place.
    if (value["type"] === "rows") {
      return SERVER_MESSAGE.problem({ ...value, rows: [] }, "") ?? listProblem("rows", value["rows"], isRow);
    }
    if (value["type"] === "delta") {
      return (
        SERVER_MESSAGE.problem({ ...value, changes: [] }, "") ?? listProblem("changes", value["changes"], isChange)
      );
    }
  }
  return SERVER_MESSAGE.problem(value, "");
}

function listProblem(name: string, list: unknown, isEntry: (entry: unknown) => boolean): string | null {
  if (!Array.isArray(list)) return `${name} must be a list`;
  for (let index = 0; index < list.length; index++) {
    if (!isEntry(list[index])) return `${name}[${index}] must have the parts of its kind`;
  }
  return null;
}

/** entity, offset, values. */
function isRow(row: unknown): boolean {
  return (
    Array.isArray(row) &&
    row.length === 3 &&
    typeof row[0] === "string" &&
    Number.isSafeInteger(row[1]) &&
    Array.isArray(row[2])
  );
}

/** kind, collection, entity, offset, and for a put or patch the values. */
function isChange(change: unknown): boolean {
  if (!Array.isArray(change) || typeof change[1] !== "string" || typeof change[2] !== "string") return false;
  if (!Number.isSafeInteger(change[3])) return false;
  const kind: unknown = change[0];
  if (kind === 0 || kind === 1) return change.length === 5 && Array.isArray(change[4]);
  return (kind === 2 || kind === 3) && change.length === 4;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "type");
}
