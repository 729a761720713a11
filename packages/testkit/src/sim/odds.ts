/**
 * Swarm testing (Groce et al., "Swarm Testing", 2012): every seed draws its own odds, and switches whole classes of
 * operations and faults off, because a mix of everything hides the bugs that need something to be absent.
 */
import { DEFAULT_LIMITS, type Millis, type Random, type ServerLimits } from "@tidelock/core";
import { DEFAULT_BOUNDS, type EngineBounds } from "@tidelock/server/engine";
import type { Latency } from "./network.ts";
import { between, chance, pick, stream } from "./random.ts";
import { COLLECTIONS, type CollectionName } from "./readings.ts";

/** What devices do. The number is a weight. */
export type Operation =
  | "create"
  | "createTemporary"
  | "update"
  | "updateHot"
  | "delete"
  | "transaction"
  | "poison"
  | "unreadable"
  | "clash"
  | "call"
  | "decide"
  | "decideTogether"
  | "annotate"
  | "subscribe"
  | "unsubscribe"
  | "presence"
  | "presenceLeave"
  | "discard"
  | "reconcile";

/** What goes wrong. The number is how often per minute, for the whole world. */
export type Fault =
  | "offline"
  | "deviceCrash"
  | "deviceCrashAtEffect"
  | "deviceLost"
  | "serverCrash"
  | "serverCrashAtEffect"
  | "serverDrain"
  | "partition"
  | "halfOpen"
  | "reset"
  | "stall"
  | "slowReader"
  | "ghost"
  | "repeat"
  | "trim"
  | "restore"
  | "storeFailure"
  | "appendFailure"
  | "readFailure"
  | "tokenFailure"
  | "clockJump"
  | "roleChange";

export const FAULTS: readonly Fault[] = [
  "offline",
  "deviceCrash",
  "deviceCrashAtEffect",
  "deviceLost",
  "serverCrash",
  "serverCrashAtEffect",
  "serverDrain",
  "partition",
  "halfOpen",
  "reset",
  "stall",
  "slowReader",
  "ghost",
  "repeat",
  "trim",
  "restore",
  "storeFailure",
  "appendFailure",
  "readFailure",
  "tokenFailure",
  "clockJump",
  "roleChange",
];

/** How messages travel: encoded and decoded, or handed over frozen, so that whoever changes them later is caught. */
export type Wire = "json" | "cbor" | "frozen";

export interface Odds {
  /** The collections that this world is about. */
  readonly scope: readonly CollectionName[];
  readonly devices: number;
  readonly plainClients: number;
  readonly users: number;
  /** How long operations and faults go on. */
  readonly durationMs: Millis;
  /** Operations of all devices together. */
  readonly operationsPerMinute: number;
  readonly operations: Readonly<Partial<Record<Operation, number>>>;
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  readonly network: Latency;
  readonly storage: Latency;
  readonly store: Latency;
  /** How far device clocks are off: each draws from plus or minus this. */
  readonly skewMs: Millis;
  /** Whether the users begin in different roles. */
  readonly hasRoles: boolean;
  /** Whether every clock is years off, in either direction, and is set again and again. */
  readonly hasHostileClocks: boolean;
  readonly wire: readonly Wire[];
  /** Messages that may wait in a socket before its session counts as blocked. */
  readonly socketMessages: number;
  readonly limits: ServerLimits;
  readonly bounds: EngineBounds;
  /** Whether the platform tells devices that the network is back. */
  readonly hints: boolean;
  /** Life of a token; `null`: for ever. */
  readonly tokenMs: Millis | null;
}

export const YEAR: Millis = 365 * 24 * 3600 * 1000;
const CLASSIC: readonly CollectionName[] = ["notes", "tasks", "marks"];
const CONFLICTS: readonly CollectionName[] = ["cases", "boards", "marks"];

export function drawOdds(seed: number): Odds {
  const random = stream(seed, "odds");
  const isCalm = chance(random, 0.08);
  const network = pick<Latency>(random, [
    [1, 5],
    [10, 60],
    [1, 400],
    [200, 1500],
  ]);
  const storage = pick<Latency>(random, [
    [0, 2],
    [1, 20],
    [5, 300],
  ]);
  const rest = stream(seed, "odds of conflicts");
  const scope = pick(rest, [CLASSIC, CONFLICTS, CONFLICTS, COLLECTIONS]);
  const hasHostileClocks = chance(rest, 0.25);
  return {
    scope,
    hasHostileClocks,
    hasRoles: chance(rest, 0.6),
    devices: pick(random, [2, 2, 3, 3, 4, 5, 6, 8, 12]),
    plainClients: pick(random, [0, 0, 1, 2]),
    users: between(random, 1, 4),
    durationMs: pick(random, [15_000, 30_000, 30_000, 60_000, 60_000, 120_000]),
    operationsPerMinute: pick(random, [20, 60, 60, 150, 300]),
    operations: { ...drawOperations(random), ...drawMoreOperations(rest, scope) },
    faults: isCalm ? {} : { ...drawFaults(random), ...(hasHostileClocks ? { clockJump: 8 } : {}) },
    network,
    storage,
    store: pick(random, [
      [0, 2],
      [1, 20],
      [5, 300],
    ]),
    skewMs: pick(random, [0, 2_000, 3_600_000, 100 * YEAR]),
    wire: pick<readonly Wire[]>(random, [["json"], ["cbor"], ["frozen"], ["frozen"], ["json", "cbor", "frozen"]]),
    socketMessages: pick(random, isSlow(network) ? [16, 64] : [2, 8, 64]),
    limits: drawLimits(random, storage),
    bounds: drawBounds(random, network, storage),
    hints: chance(random, 0.5),
    tokenMs: chance(random, 0.2) ? between(random, 10_000, 60_000) : null,
  };
}

/** Odds that were written down: what was invented since has the value that the seed draws, or the default. */
export function completeOdds(seed: number, written: Odds): Odds {
  const { limits, bounds } = written;
  return {
    ...drawOdds(seed),
    ...{ scope: CLASSIC, hasHostileClocks: false, hasRoles: false },
    ...written,
    limits: { ...DEFAULT_LIMITS, ...limits },
    bounds: { ...DEFAULT_BOUNDS, ...bounds },
  };
}

function drawOperations(random: Random): Odds["operations"] {
  const weights: Partial<Record<Operation, number>> = { update: 4, create: 3 };
  const others: ReadonlyArray<readonly [Operation, number, number]> = [
    ["createTemporary", 2, 0.7],
    ["updateHot", 5, 0.6],
    ["delete", 1, 0.6],
    ["transaction", 2, 0.6],
    ["poison", 0.7, 0.5],
    ["subscribe", 0.7, 0.6],
    ["unsubscribe", 0.5, 0.5],
    ["presence", 1.5, 0.4],
    ["presenceLeave", 0.5, 0.4],
    ["discard", 0.4, 0.5],
    ["reconcile", 3, 0.9],
  ];
  for (const [name, weight, share] of others) {
    if (chance(random, share)) weights[name] = weight * (0.3 + random.next() * 1.7);
  }
  return weights;
}

function drawMoreOperations(random: Random, scope: readonly CollectionName[]): Odds["operations"] {
  const weights: Partial<Record<Operation, number>> = {};
  const others: ReadonlyArray<readonly [Operation, number, number]> = [
    ["unreadable", 0.25, 0.3],
    ["clash", 3, 0.75],
    ["call", 1.5, 0.6],
    ...(scope.includes("cases")
      ? ([
          ["decide", 2, 0.8],
          ["decideTogether", 1, 0.5],
          ["annotate", 0.7, 0.6],
        ] as const)
      : []),
  ];
  for (const [name, weight, share] of others) {
    if (chance(random, share)) weights[name] = weight * (0.3 + random.next() * 1.7);
  }
  return weights;
}

function drawFaults(random: Random): Odds["faults"] {
  const faults: Partial<Record<Fault, number>> = {};
  const usual: ReadonlyArray<readonly [Fault, number, number]> = [
    ["offline", 4, 0.5],
    ["deviceCrash", 4, 0.4],
    ["deviceCrashAtEffect", 6, 0.4],
    ["deviceLost", 1, 0.2],
    ["serverCrash", 3, 0.35],
    ["serverCrashAtEffect", 5, 0.35],
    ["serverDrain", 2, 0.2],
    ["partition", 4, 0.4],
    ["halfOpen", 4, 0.4],
    ["reset", 8, 0.5],
    ["stall", 6, 0.3],
    ["slowReader", 6, 0.3],
    ["ghost", 5, 0.3],
    ["repeat", 8, 0.3],
    ["trim", 4, 0.35],
    ["restore", 2, 0.12],
    ["storeFailure", 3, 0.2],
    ["appendFailure", 2, 0.2],
    ["readFailure", 4, 0.2],
    ["tokenFailure", 3, 0.2],
    ["clockJump", 4, 0.25],
    ["roleChange", 2, 0.25],
  ];
  for (const [name, perMinute, share] of usual) {
    if (chance(random, share)) faults[name] = perMinute * (0.3 + random.next() * 1.7);
  }
  return faults;
}

function drawLimits(random: Random, storage: Latency): ServerLimits {
  if (chance(random, 0.4)) return DEFAULT_LIMITS;
  return {
    ...DEFAULT_LIMITS,
    maxBlockedMs: pick(random, [2_000, 10_000, 60_000]),
    maxPendingMutations: pick(random, [40, 200, 20_000]),
    presenceIntervalMs: pick(random, [10, 50, 500]),
    maxReconcileState: pick(random, isSlow(storage) ? [30, 1000] : [1, 3, 10, 1000]),
  };
}

/** Small windows wrap at once; with slow links or disks they would only make every run a test of patience. */
function drawBounds(random: Random, network: Latency, storage: Latency): EngineBounds {
  if (chance(random, 0.3)) return DEFAULT_BOUNDS;
  return {
    maxAppendMutations: pick(random, isSlow(storage) ? [30, 1000] : [1, 3, 20, 1000]),
    eventsPerRead: pick(random, isSlow(network) || isSlow(storage) ? [30, 1000] : [1, 3, 10, 1000]),
    chunksPerWindow: pick(random, isSlow(network) ? [32] : [1, 2, 8]),
    maxTailEvents: pick(random, [1, 5, 30, 10_000]),
    maxTailBytes: pick(random, [500, 5_000, 16 * 1024 * 1024]),
    maxCachedEntities: pick(random, [1, 5, 50_000]),
    sweepMs: pick(random, [500, 5_000]),
  };
}

function isSlow([, most]: Latency): boolean {
  return most >= 300;
}
