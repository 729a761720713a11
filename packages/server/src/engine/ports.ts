/** What the parts of a hub share: its declarations, its bounds, and the way to ask for effects. */
import type {
  CollectionSchema,
  Columns,
  Millis,
  Mutator,
  Random,
  RoomName,
  Schema,
  ServerLimits,
  TenantId,
  TimeLimit,
} from "@tidelock/core";
import type { HubEffect } from "./effect.ts";
import type { Principal, ReadRequest, ReadResult } from "./input.ts";
import type { TenantRecord } from "./records.ts";
import type { RuleContext, Rules } from "./rules.ts";

/** Bounds that only tests change, to make every window wrap. */
export interface EngineBounds {
  /** Mutations in one append. More raise throughput a little and the worst latency much. */
  readonly maxAppendMutations: number;
  /** Events read from the log in one step of catching up. */
  readonly eventsPerRead: number;
  /** Chunks of a snapshot sent before the socket must have drained. */
  readonly chunksPerWindow: number;
  readonly maxTailEvents: number;
  readonly maxTailBytes: number;
  readonly maxCachedEntities: number;
  /** A session whose checkpoint lags without anything to see is told of it this often, milliseconds. */
  readonly sweepMs: Millis;
}

export const DEFAULT_BOUNDS: EngineBounds = {
  maxAppendMutations: 1000,
  eventsPerRead: 1000,
  chunksPerWindow: 8,
  maxTailEvents: 10_000,
  maxTailBytes: 16 * 1024 * 1024,
  maxCachedEntities: 50_000,
  sweepMs: 5_000,
};

export interface HubOptions {
  readonly tenant: TenantId;
  readonly record: TenantRecord;
  readonly schema: Schema;
  readonly rules?: Rules;
  /** Who may enter a presence room; default: every user of the tenant. */
  readonly rooms?: (context: RuleContext, room: RoomName) => boolean;
  readonly limits: ServerLimits;
  readonly bounds?: Partial<EngineBounds>;
  readonly random: Random;
  /** Runs functions of the application and throws when one takes too long; without it they are trusted to end. */
  readonly limit?: TimeLimit;
  /** A newer application is wanted: shown to devices with an older schema version. */
  readonly upgrade?: { readonly message: string; readonly url: string };
}

/** What every part of a hub may use. */
export interface HubContext {
  readonly tenant: TenantId;
  readonly epoch: TenantRecord["epoch"];
  readonly collections: ReadonlyMap<string, CollectionSchema>;
  readonly columns: ReadonlyMap<string, Columns>;
  readonly rules: Rules;
  readonly mutators: ReadonlyMap<string, Mutator>;
  readonly limit: TimeLimit;
  readonly limits: ServerLimits;
  readonly bounds: EngineBounds;
  readonly random: Random;
  readonly now: () => Millis;
  /**
   * The time that deltas carry: the server's clock, or a millisecond after the latest stamp in the log where that is ahead.
   * A device that keeps up with it writes stamps later than everything that it has seen, as Lamport's clocks do.
   */
  readonly spokenTime: () => Millis;
  readonly emit: (effect: HubEffect) => void;
  /** Reads; `done` gets the result, or `null` when the storage failed. */
  readonly read: <Kind extends ReadRequest["kind"]>(
    request: Extract<ReadRequest, { kind: Kind }>,
    done: (result: Extract<ReadResult, { kind: Kind }> | null) => void,
  ) => void;
  readonly ruleContext: (principal: Principal) => RuleContext;
}
