/** What `conflicts.test.ts` does, over more than ten thousand histories. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertEnough, playMixed, playOrders, sum } from "./campaign.ts";
import { ORDER_KINDS } from "./order-kinds.ts";

/** In parts, so that a failure names its part and the others are still run. */
for (let part = 0; part < 10; part++) {
  test(`[G07] [G25] hub, model, laws, replicas and a second hub agree on histories ${part}001 to ${part + 1}000`, () => {
    const counts = playMixed(1000, part * 1000 + 1);
    assertEnough(counts, 1000);
    const conflicts = sum(counts, (what) => what.startsWith("conflict: "));
    console.log(
      `${counts.get("mutations")} mutations, ${conflicts} conflicts, ${counts.get("rows compared")} rows of replicas compared`,
    );
  });
}

for (const kind of Object.keys(ORDER_KINDS)) {
  test(`[G25] the order of arrival makes no difference to ${kind}, in 500 histories`, () => {
    const counts = playOrders(kind, 500, 6, 1000);
    assert.ok((counts.get("orders") ?? 0) >= 3000);
  });
}
