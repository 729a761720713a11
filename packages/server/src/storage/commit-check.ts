/**
 * What is true of every commit before a storage writes it. The engine plans commits so; a storage checks, because what is
 * on the disk wrong stays wrong.
 */
import { assert } from "@tidelock/core";
import type { Commit } from "../engine/records.ts";

/**
 * Events continue the head without gaps, transactions are whole (`remaining` counts down to 0 within the commit), and
 * decisions are those of its events, in their order.
 */
export function assertWhole(commit: Commit): void {
  let offset = commit.head;
  let remaining = 0;
  for (const event of commit.events) {
    offset += 1;
    assert(event.offset === offset, `the events of a commit continue its head: ${event.offset} instead of ${offset}`);
    assert(remaining === 0 || event.remaining === remaining - 1, `the transaction at offset ${offset} is broken`);
    remaining = event.remaining;
  }
  assert(remaining === 0, `a commit ends with a whole transaction: ${remaining} events are missing`);
  let before = { offset: commit.head, index: 0 };
  for (const decision of commit.decisions) {
    const where = `decision ${decision.index} at offset ${decision.offset}`;
    assert(decision.offset > commit.head && decision.offset <= offset, `${where} is of an event of its commit`);
    assert(
      decision.offset === before.offset ? decision.index > before.index : decision.offset > before.offset,
      `${where} comes after ${before.index} at offset ${before.offset}`,
    );
    before = decision;
  }
}
