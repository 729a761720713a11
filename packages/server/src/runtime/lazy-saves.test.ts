import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type DeviceId, parseDeviceId } from "@tidelock/core";
import { silentLogger } from "../observe/log.ts";
import { memoryStorage } from "../storage/memory.ts";
import type { Storage } from "../storage/storage.ts";
import { acme, must } from "./hosted.fixture.ts";
import { LazySaves } from "./lazy-saves.ts";

const [d1, d2] = [must(parseDeviceId("d1")), must(parseDeviceId("d2"))];
const turn = (): Promise<void> => new Promise((later) => setImmediate(later));

/** A storage that notes what was saved, and fails as often as told. */
function noting(failures: number = 0) {
  const saved: Array<readonly [DeviceId, number]> = [];
  const published: number[] = [];
  let left = failures;
  const fails = (): boolean => left-- > 0;
  const storage: Storage = {
    ...memoryStorage(),
    saveAcknowledged: async (_tenant, offsets) => {
      if (fails()) throw new Error("busy");
      saved.push(...offsets);
    },
    savePublished: async (_tenant, offset) => {
      if (fails()) throw new Error("busy");
      published.push(offset);
    },
  };
  return { saves: new LazySaves(storage, acme, () => 0, silentLogger), saved, published };
}

describe("lazy saves", () => {
  test("gather the newest of each for a few seconds, and write once", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const { saves, saved, published } = noting();
    saves.acknowledged(new Map([[d1, 3]]));
    saves.acknowledged(
      new Map([
        [d1, 5],
        [d2, 1],
      ]),
    );
    saves.acknowledged(new Map([[d1, 4]]));
    saves.published(7);
    saves.published(9);
    await turn();
    assert.deepEqual([saved, published], [[], []]);
    t.mock.timers.tick(3_000);
    await turn();
    assert.deepEqual(
      [saved, published],
      [
        [
          [d1, 5],
          [d2, 1],
        ],
        [9],
      ],
    );
  });

  test("are written at the end, whatever the time", async () => {
    const { saves, saved } = noting();
    saves.acknowledged(new Map([[d1, 3]]));
    await saves.save();
    assert.deepEqual(saved, [[d1, 3]]);
  });

  test("that failed are written with the next, and never go back", async () => {
    const { saves, saved, published } = noting(1);
    saves.acknowledged(
      new Map([
        [d1, 3],
        [d2, 8],
      ]),
    );
    saves.published(4);
    const failing = saves.save();
    saves.acknowledged(new Map([[d1, 6]]));
    await failing;
    await saves.save();
    assert.deepEqual(
      new Map(saved),
      new Map([
        [d1, 6],
        [d2, 8],
      ]),
    );
    assert.deepEqual(published, [4]);
  });

  test("write nothing when there is nothing", async () => {
    const { saves, saved, published } = noting();
    await saves.save();
    assert.deepEqual([saved, published], [[], []]);
  });
});
