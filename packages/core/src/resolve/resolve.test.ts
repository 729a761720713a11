import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseDeviceId } from "../ids.ts";
import { counter, json } from "../protocol/messages.fuzz.ts";
import { makeStamp } from "../time/hlc.ts";
import type { Contender } from "./decision.ts";
import { laterWrite, lastWriteWins, settleDelete } from "./last-write.ts";

fc.configureGlobal({ seed: 9 });

/** Few stamps and devices, so that ties are frequent. */
const contender: fc.Arbitrary<Contender> = fc.record({
  device: fc.constantFrom("a", "b", "B", "ab").map((name) => parseDeviceId(name)!),
  counter,
  user: fc.constant(null),
  offset: fc.nat(9),
  seen: fc.constant(null),
  stamp: fc.tuple(fc.nat(2), fc.nat(1)).map(([millis, ticks]) => makeStamp(millis, ticks)),
  value: json,
});
/** Two writes that are not the same write: the same device never stamps two alike. */
const pair = fc
  .tuple(contender, contender)
  .filter(([left, right]) => left.device !== right.device || left.stamp !== right.stamp);

function winnerOf(current: Contender, incoming: Contender): Contender {
  return lastWriteWins("f", current, incoming).winner === "current" ? current : incoming;
}

describe("last writer wins", () => {
  test("the same write wins whichever arrived first", () => {
    let ties = 0;
    fc.assert(
      fc.property(pair, ([left, right]) => {
        if (left.stamp === right.stamp) ties += 1;
        assert.equal(winnerOf(left, right), winnerOf(right, left));
      }),
      { numRuns: 1000 },
    );
    assert.ok(ties > 50, `only ${ties} ties`);
  });

  test("the greatest of many wins in any order and grouping", () => {
    const contenders = fc.uniqueArray(contender, {
      minLength: 1,
      maxLength: 6,
      selector: ({ device, stamp }) => `${device} ${stamp}`,
    });
    fc.assert(
      fc.property(contenders, fc.infiniteStream(fc.nat(100)), (all, picks) => {
        const last = all.reduce((left, right) => winnerOf(left, right));
        const left = [...all];
        while (left.length > 1) {
          const [one] = left.splice(picks.next().value! % left.length, 1);
          const [other] = left.splice(picks.next().value! % left.length, 1);
          left.push(winnerOf(one!, other!));
        }
        assert.equal(left[0], last);
        assert.ok(all.every(({ stamp }) => stamp <= last.stamp));
      }),
    );
  });

  test("equal stamps are told apart by device id, by code unit", () => {
    const write = (name: string): Contender => ({
      device: parseDeviceId(name)!,
      counter: 1,
      user: null,
      offset: 1,
      seen: null,
      stamp: makeStamp(5, 0),
      value: 1,
    });
    assert.equal(winnerOf(write("B"), write("a")).device, "a");
    assert.equal(winnerOf(write("ab"), write("a")).device, "ab");
    assert.equal(laterWrite(write("a"), write("a")), "current");
  });
});

describe("a decision", () => {
  test("keeps both sides, names rule, version and reason: what lost is in it", () => {
    fc.assert(
      fc.property(pair, ([current, incoming]) => {
        const decision = lastWriteWins("title", current, incoming);
        assert.deepEqual([decision.field, decision.policy, decision.policyVersion], ["title", "lww", 1]);
        assert.equal(decision.current, current);
        assert.equal(decision.incoming, incoming);
        const winner = decision.winner === "current" ? current : incoming;
        assert.match(decision.reason, new RegExp(`\\b${winner.device}\\b`));
        assert.equal(decision.reason.includes("same time"), current.stamp === incoming.stamp);
      }),
    );
  });

  test("for a delete is about the whole entity, and the delete wins from either side", () => {
    fc.assert(
      fc.property(pair, ([current, incoming]) => {
        for (const deleted of ["current", "incoming"] as const) {
          const decision = settleDelete("delete-wins", deleted, current, incoming);
          assert.equal(decision.winner, deleted);
          assert.equal(decision.field, null);
          assert.equal(decision.policy, "delete-wins");
          assert.match(decision.reason, /deleted stays deleted$/);
        }
      }),
    );
  });
});
