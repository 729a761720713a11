import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { fingerprint } from "../base/hash.ts";
import { canonicalJson } from "../base/json.ts";
import { CLIENT_MESSAGE, SERVER_MESSAGE } from "./messages.ts";
import { chooseVersion, OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION, WIRE_FINGERPRINT } from "./version.ts";

fc.configureGlobal({ seed: 15 });

test("the wire is the one that WIRE_FINGERPRINT names", () => {
  const found = fingerprint(canonicalJson([CLIENT_MESSAGE.jsonSchema, SERVER_MESSAGE.jsonSchema]));
  assert.equal(
    found,
    WIRE_FINGERPRINT,
    [
      "The shape of the messages has changed. When that is meant:",
      "  npm run vectors    writes WIRE_FINGERPRINT and the golden vectors anew; the diff shows what peers will see",
      "If a peer of the version before would misread it (a member that is now required, gone, or means another thing),",
      `also raise PROTOCOL_VERSION (now ${PROTOCOL_VERSION}) and add a line to the history in protocol/version.ts.`,
      "Members that may be missing and are new do not need that: shapes pass over what they do not know.",
    ].join("\n"),
  );
});

describe("the version that both sides speak", () => {
  const range = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }));
  const speaks = ([low, high]: readonly [number, number], version: number): boolean =>
    low <= version && version <= high;

  test("is the highest that is in both ranges, or none", () => {
    fc.assert(
      fc.property(range, range, (theirs, ours) => {
        const common = [8, 7, 6, 5, 4, 3, 2, 1].find((version) => speaks(theirs, version) && speaks(ours, version));
        assert.equal(chooseVersion(theirs, ours), common ?? null);
        assert.equal(chooseVersion(ours, theirs), common ?? null);
      }),
      { numRuns: 1000 },
    );
  });

  test("of this code and itself is the newest", () => {
    const ours = [OLDEST_PROTOCOL_VERSION, PROTOCOL_VERSION] as const;
    assert.equal(chooseVersion(ours, ours), PROTOCOL_VERSION);
  });
});
