/**
 * [G16] [G18] [G19] [G25] [G26] Attacks on what happens when writes meet: fields that are merged, reviews, calls, rules
 * that break, and the record of it all over HTTP. Judged like those of `hostile.test.ts`, and by more: the texts of people
 * whose rows the attacker may not read reach them on no path, what is kept of a row stays in proportion to it, and nobody
 * waits for the attacker.
 */
import { after, test } from "node:test";
import { attackCalls } from "./calls.ts";
import { attackMergedFields } from "./merged.ts";
import { attackQueries } from "./queries.ts";
import { attackReviews } from "./reviews.ts";
import { attackSecrecy } from "./secrecy.ts";
import { Target } from "./target.ts";

const UNHURRIED = { messagesPerSecond: 1e6, mutationsPerSecond: 1e6, mutationBurst: 1e6 };
let target = await Target.start(UNHURRIED);
after(() => target.close());

attackMergedFields(target);
attackReviews(target);
attackSecrecy(target);
attackCalls(target);
attackQueries(target);

test("after all of it, killed and started again, the server has everything that the honest wrote", async () => {
  target = await target.restart();
  await target.assertWell();
});
