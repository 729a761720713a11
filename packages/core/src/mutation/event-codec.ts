/**
 * The stored form of an event: one JSON array, so that a log stays readable with the tools of any database.
 *
 *     [ format, kind, collection, entity, device, counter, user, stamp, claimed, time, seen, remaining, previous,
 *       changed, was, row, decisions ]
 *
 * `format` is 1; `kind` is 0 created, 1 updated, 2 deleted; the rest is as in `DomainEvent`. The offset is the storage's
 * own key and stands outside. What is decoded was written by `encodeEvent`: a body that does not parse is a broken log.
 */
import { assert } from "../base/assert.ts";
import type { Offset } from "../ids.ts";
import type { DomainEvent, EventKind } from "./event.ts";

const FORMAT = 1;
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
  return `${head.slice(0, -1)},${rowText ?? "null"},${decisions}]`;
}

export function decodeEvent(offset: Offset, body: string): DomainEvent {
  const parts = JSON.parse(body);
  assert(
    Array.isArray(parts) && parts[0] === FORMAT && parts.length === 17,
    `event ${offset} is not of format ${FORMAT}`,
  );
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
    decisions: parts[16],
  };
}
