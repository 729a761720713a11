/**
 * The stored form of an event: one JSON array, so that a log stays readable with the tools of any database.
 *
 *     [ format, kind, collection, entity, device, counter, user, stamp, claimed, time, seen, remaining, previous,
 *       changed, was, row, decisions, changes, call ]
 *
 * `format` is 2; `kind` is 0 created, 1 updated, 2 deleted; the rest is as in `DomainEvent`. The offset is the storage's
 * own key and stands outside. What is decoded was written by `encodeEvent`: a body that does not parse is a broken log.
 */
import { assert } from "../base/assert.ts";
import type { Offset } from "../ids.ts";
import type { Contender, Decision } from "../resolve/decision.ts";
import type { DomainEvent, EventKind } from "./event.ts";

const FORMAT = 2;
const KINDS: readonly EventKind[] = ["created", "updated", "deleted"];

/** @param rowText the JSON text of `event.row`, which the caller has already made for the entity */
export function encodeEvent(event: DomainEvent, rowText: string | null): string {
  const head = JSON.stringify([
    FORMAT,
    KINDS.indexOf(event.kind),
    event.collection,
    event.entity,
    event.device,
    event.counter,
    event.user,
    event.stamp,
    event.claimed,
    event.time,
    event.seen,
    event.remaining,
    event.previous,
    event.changed,
    event.was,
  ]);
  const decisions = event.decisions.length === 0 ? "[]" : JSON.stringify(event.decisions);
  const changes = event.changes === null ? "null" : JSON.stringify(event.changes);
  const call = event.call === null ? "null" : JSON.stringify(event.call);
  return `${head.slice(0, -1)},${rowText ?? "null"},${decisions},${changes},${call}]`;
}

export function decodeEvent(offset: Offset, body: string): DomainEvent {
  const parts = JSON.parse(body);
  const isKnown =
    Array.isArray(parts) && ((parts[0] === 2 && parts.length === 19) || (parts[0] === 1 && parts.length === 17));
  assert(isKnown, `event ${offset} is not of format ${FORMAT}`);
  const kind = KINDS[parts[1]];
  assert(kind !== undefined, `event ${offset} has no kind`);
  return {
    offset,
    kind,
    collection: parts[2],
    entity: parts[3],
    device: parts[4],
    counter: parts[5],
    user: parts[6],
    stamp: parts[7],
    claimed: parts[8],
    time: parts[9],
    seen: parts[10],
    remaining: parts[11],
    previous: parts[12],
    changed: parts[13],
    was: parts[14],
    row: parts[15],
    decisions: parts[0] === 1 ? parts[16].map(fromFormat1) : parts[16],
    changes: parts[17] ?? null,
    call: parts[18] ?? null,
  };
}

/** Format 1 had neither changes nor calls, and its decisions named only the two values and which of them stood. */
function fromFormat1(decision: Decision): Decision {
  const { winner, current, incoming } = decision;
  const side = (contender: Contender): Contender => ({ ...contender, user: null, offset: 0, seen: null });
  return {
    ...decision,
    value: winner === "incoming" ? incoming.value : current.value,
    current: side(current),
    incoming: side(incoming),
  };
}
