/** A device's disk: what a batch means, in the model that every store is measured by. */
import type { MemoryStoreState } from "@tidelock/client/memory";

export type StoreModel = Pick<MemoryStoreState, "apply" | "read">;
