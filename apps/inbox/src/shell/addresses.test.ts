/** What is in the fragment of the page's address: a place, or a token. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tokenOf } from "../session/token.ts";
import { parseRoute, routeAddress } from "./route.ts";

describe("an address", () => {
  test("leads back to the place that it was made of", () => {
    for (const route of [
      { tab: "open", review: null },
      { tab: "decided", review: null },
      { tab: "open", review: "review:01a2-b:4:0.all" },
      { tab: "decided", review: "a/b?c#d %" },
    ] as const)
      assert.deepEqual(parseRoute(routeAddress(route)), route);
    assert.equal(routeAddress({ tab: "open", review: "review:d:1:0.1" }), "#/open/review:d:1:0.1");
  });

  test("that says nothing is the list of open reviews", () => {
    for (const fragment of ["", "#", "#/", "#/nowhere", "#/open/%E0%A4%A", "#token=x"])
      assert.deepEqual(parseRoute(fragment), { tab: "open", review: null });
  });

  test("may bring a token along", () => {
    assert.equal(tokenOf("#token=eyJ.a-b_c.d"), "eyJ.a-b_c.d");
    assert.equal(tokenOf("#a=1&token=x%2By"), "x+y");
    for (const fragment of ["", "#", "#token=", "#token=%20", "#/open/review:d:1:0.1"])
      assert.equal(tokenOf(fragment), null);
  });
});
