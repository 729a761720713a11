/** Names that devices give: temporary ids, used twice, never, or by the thousand. They may harm their author only. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { collection, defineSchema, field, type MutationRow, temporaryId } from "@tidelock/core";
import { create, HubRig, plain, update } from "./hub-rig.ts";
import { device, entity } from "./names.ts";
import { schema } from "./schema.ts";

const tmp = (name: string, number: number): string => temporaryId(device(name), number);

describe("temporary ids", () => {
  test("[H4] a temporary id that is used twice refuses the second create, and harms nobody else", () => {
    const rig = new HubRig({ schema });
    rig.open("eve");
    rig.push("eve", create(1, tmp("eve", 7), {}, { collection: "cards" }));
    rig.push("eve", create(2, tmp("eve", 7), {}, { collection: "cards" }));
    assert.deepEqual(
      rig.results("eve").map(([counter, outcome, , detail]) => [counter, outcome, detail?.code]),
      [
        [1, "applied", undefined],
        [2, "rejected", "invalid-id"],
      ],
    );
  });

  test("[H4] a temporary id that is used twice in one transaction refuses it whole", () => {
    const rig = new HubRig({ schema });
    rig.open("eve");
    const id = tmp("eve", 7);
    rig.push(
      "eve",
      create(1, id, {}, { collection: "cards", remaining: 1 }),
      create(2, id, {}, { collection: "cards" }),
    );
    assert.deepEqual(
      rig.results("eve").map(([, outcome]) => outcome),
      ["rejected", "rejected"],
    );
  });

  test("[H4] a temporary id of a refused create may be used again", () => {
    const rig = new HubRig({ schema });
    rig.open("eve");
    rig.push("eve", create(1, tmp("eve", 7), { title: 5 }, { collection: "cards" }));
    rig.push("eve", create(2, tmp("eve", 7), { title: "5" }, { collection: "cards" }));
    assert.deepEqual(
      rig.results("eve").map(([, outcome]) => outcome),
      ["rejected", "applied"],
    );
  });

  test("[H4] a plain client's name may be a temporary id of the same device", () => {
    const rig = new HubRig({ schema });
    const id = tmp("eve", 7);
    rig.reconcile({ device: device("eve"), mutations: [plain(id, { entity: entity("t1") })] });
    rig.open("eve", { decided: 1 });
    rig.push("eve", create(2, id, {}, { collection: "cards" }));
    assert.equal(rig.results("eve")[0]?.[1], "rejected");
    rig.push("eve", create(3, "t2", {}));
    assert.equal(rig.results("eve")[1]?.[1], "applied");
  });

  test("[H4] a transaction that names more unknown temporary ids than are remembered is decided", () => {
    const wide = defineSchema({
      version: 1,
      collections: {
        cards: collection(
          Object.fromEntries(
            Array.from({ length: 50 }, (_, index) => [`ref${index}`, field.reference("cards").optional()]),
          ),
          { ids: "server" },
        ),
      },
    });
    const rig = new HubRig({ schema: wide });
    rig.open("eve");
    let reads = 0;
    rig.holds = (asked) => {
      reads += asked.type === "read" ? 1 : 0;
      assert.ok(reads < 100, "the hub reads for ever");
      return false;
    };
    rig.push(
      "eve",
      ...Array.from({ length: 450 }, (_, row) => {
        const fields = Array.from({ length: 50 }, (_, index) => [`ref${index}`, tmp("eve", 1000 + row * 50 + index)]);
        return update(row + 1, "none", Object.fromEntries(fields), { collection: "cards", remaining: 449 - row });
      }),
    );
    assert.equal(rig.results("eve").length, 450);
  });

  test("[H2] what another device asks for does not make the hub forget an id that is not on disk yet", () => {
    const rig = new HubRig({ schema });
    rig.open("ana");
    rig.open("eve");
    rig.holds = (asked) => asked.type === "append";
    rig.push("ana", create(1, tmp("ana", 1), {}, { collection: "cards" }));
    rig.holds = () => true;
    // The first is read alone; with the second, all that eve has pushed by then.
    rig.push("eve", ...unknownNames("eve", 0, 1));
    rig.push("eve", ...unknownNames("eve", 1, 1));
    rig.push("ana", update(2, tmp("ana", 1), { title: "mine" }, { collection: "cards" }));
    for (let start = 2; start < 15_002; start += 500) rig.push("eve", ...unknownNames("eve", start, 500));
    while (rig.held.some(({ type }) => type === "read")) rig.release(rig.held.find(({ type }) => type === "read"));
    rig.releaseAll();
    assert.deepEqual(
      rig.results("ana").map(([, outcome]) => outcome),
      ["applied", "applied"],
    );
  });
});

/** A transaction of updates that name temporary ids which nobody knows. */
function unknownNames(name: string, start: number, count: number): MutationRow[] {
  return Array.from({ length: count }, (_, index) =>
    update(
      start + index + 1,
      tmp(name, start + index),
      { parent: tmp(name, 1_000_000 + start + index) },
      { collection: "cards", remaining: count - 1 - index },
    ),
  );
}
