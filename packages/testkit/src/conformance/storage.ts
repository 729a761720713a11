/**
 * What every storage must do (`storage.ts` in `@tidelock/server`): the port's promises as cases that any test runner can
 * run. Each case gets data of its own. `StorageModel` says what a storage should hold.
 */
import type { Storage } from "@tidelock/server/memory";
import * as appends from "./storage-appends.ts";
import * as decisions from "./storage-decisions.ts";
import { agreesWithModel } from "./storage-histories.ts";
import * as reads from "./storage-reads.ts";
import type { StorageDisk } from "./storage-samples.ts";
import * as upkeep from "./storage-upkeep.ts";

export type { StorageDisk } from "./storage-samples.ts";

export interface StorageCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

export interface StorageContractOptions {
  /** Seed of the random histories. */
  readonly seed?: number;
  /** How many random histories are tried. */
  readonly histories?: number;
  /** Whether a history that fails is made as short as possible before it is reported. */
  readonly isShrinking?: boolean;
}

/** The cases. Run each on its own; one fails by rejecting. */
export function storageContract(
  makeDisk: () => Promise<StorageDisk>,
  { seed = 1, histories = 40, isShrinking = true }: StorageContractOptions = {},
): StorageCase[] {
  const onDisk = (name: string, run: (disk: StorageDisk) => Promise<void>): StorageCase => ({
    name,
    run: async () => {
      const disk = await makeDisk();
      try {
        await run(disk);
      } finally {
        await disk.remove();
      }
    },
  });
  const opened = (name: string, run: (storage: Storage) => Promise<void>): StorageCase =>
    onDisk(name, async (disk) => {
      const storage = disk.storage();
      await storage.open();
      try {
        await run(storage);
      } finally {
        await storage.close();
      }
    });
  return [
    opened("a new storage has no tenants; opening one makes an empty log with an epoch of its own", appends.makesLogs),
    opened("what was appended is read by every door", appends.readsEverything),
    opened("a commit without events moves nothing but what it names", appends.appendsWithoutEvents),
    opened("a commit planned on another head is stale, and nothing of its append is written", appends.fencesHeads),
    opened("several tenants are appended together or not at all", appends.appendsTogether),
    opened("several commits of one tenant follow each other in one append", appends.appendsInSequence),
    opened("appends that overlap take effect in the order of the calls; a stale one fails alone", appends.keepsOrder),
    opened("events that leave a gap, and transactions that are not whole, are refused whole", appends.refusesGaps),
    opened("a mutation cannot be decided twice, by counter or by name", appends.decidesOnce),
    opened("events come in whole transactions, about as many as asked for", reads.readsWholeTransactions),
    opened("text comes back byte for byte", reads.keepsText),
    opened("what looks like SQL, a path or a format is only text", reads.keepsHostileText),
    opened("a tombstone is an entity, but not a living one", reads.keepsTombstones),
    opened("a snapshot holds the matching rows in id order, in chunks that are whole messages", reads.takesSnapshots),
    opened("a snapshot with a filter finds fields by the columns that it is given", reads.filtersSnapshots),
    opened("a snapshot is of one moment while appends go on", reads.pinsSnapshots),
    opened("pages follow each other in id order, each with its offset", reads.readsPages),
    opened("receipts come in counter order, after a counter, and by name", reads.readsReceipts),
    opened("decisions are written with their events or not at all", decisions.appendsDecisions),
    opened("decisions that are not of their commit's events are refused whole", decisions.refusesStrangeDecisions),
    opened("decisions come newest first, page by page", decisions.pagesDecisions),
    opened("a query finds the decisions that have all that it names", decisions.findsDecisions),
    onDisk("G25: decisions outlive their events, and closing and opening", decisions.keepsDecisions),
    opened("G16: no tenant finds decisions or events of another", decisions.separatesDecisions),
    opened("events are read by their offsets, those that the log still has", decisions.readsEventsAt),
    opened("watermarks of devices never go back; unknown devices are left out", upkeep.movesWatermarks),
    opened("the published offset never goes back", upkeep.movesPublished),
    opened("tenants share nothing", upkeep.separatesTenants),
    opened("trim forgets events, receipts and tombstones up to an offset, and only those", upkeep.trims),
    opened("trim never cuts a transaction", upkeep.trimsWholeTransactions),
    onDisk("everything is there after it was closed and opened again", upkeep.keepsEverything),
    onDisk("close waits for the appends before it", upkeep.closesAfterAppends),
    {
      name: "random histories, reopened at random moments, agree with the model",
      run: () => agreesWithModel(makeDisk, { seed, histories, isShrinking }),
    },
  ];
}
