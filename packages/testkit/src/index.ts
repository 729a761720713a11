/**
 * The testkit: simulator, workloads, checkers and conformance suites. Here the simulator gets its disks: the models in
 * memory that the adapters are measured by.
 */
import { type Epoch, parseEpoch } from "@tidelock/core";
import { MemoryStoreState } from "@tidelock/client/memory";
import { MemoryStorageState } from "@tidelock/server/memory";
import type { Disks } from "./sim/index.ts";

export * from "./sim/index.ts";

/** Empty disks; epochs are counted, so that a run is the same every time. */
export function memoryDisks(): Disks {
  let epochs = 0;
  const makeEpoch = (): Epoch => {
    epochs += 1;
    const epoch = parseEpoch(`epoch-${epochs}`);
    if (epoch === null) throw new Error("an epoch's name is a name");
    return epoch;
  };
  return { storage: () => new MemoryStorageState(makeEpoch), store: () => new MemoryStoreState() };
}
