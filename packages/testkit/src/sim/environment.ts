/** What the parts of a simulated world share: time, odds, the record of the run, and the bug that was planted, if any. */
import type { Random, TenantId } from "@tidelock/core";
import { parseTenantId } from "@tidelock/core";
import type { EventQueue } from "./clock.ts";
import type { Mutant } from "./mutant.ts";
import type { Odds } from "./odds.ts";
import type { StorageModel } from "./storage-model.ts";
import type { StoreModel } from "./store-model.ts";
import type { Trace } from "./trace.ts";
import { demand } from "./violation.ts";

/** What happened in a run, by name. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(name: string, count: number = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  entries(): ReadonlyArray<readonly [string, number]> {
    return [...this.#counts].sort(([left], [right]) => (left < right ? -1 : 1));
  }
}

/** The disks of a run: the models that adapters are measured by. */
export interface Disks {
  readonly storage: () => StorageModel;
  readonly store: () => StoreModel;
}
export interface Environment {
  readonly seed: number;
  readonly odds: Odds;
  readonly queue: EventQueue;
  readonly trace: Trace;
  readonly counts: Counts;
  readonly mutant: Mutant;
  readonly disks: Disks;
  /** Whether faults are still allowed to happen. */
  readonly faulty: () => boolean;
  readonly stream: (label: string) => Random;
  /** Writes an event of a process into the trace. `detail` is only made when somebody reads it. */
  readonly note: (who: string, what: string, detail?: () => unknown) => void;
}

const tenant = parseTenantId("simulated");
demand(tenant !== null, "simulator", () => "the tenant's name is a name");
export const TENANT: TenantId = tenant;

/**
 * Stops a process at its n-th effect from now, before or after that effect is carried out: a crash at any moment between
 * two effects of one turn, too.
 */
export class EffectTrap {
  #left = 0;
  #before = false;

  arm(effects: number, before: boolean): void {
    this.#left = effects;
    this.#before = before;
  }

  /** Counts an effect. Answers whether the process dies here, and on which side of the effect. */
  pass(): "before" | "after" | null {
    if (this.#left === 0) return null;
    this.#left -= 1;
    if (this.#left > 0) return null;
    return this.#before ? "before" : "after";
  }
}

/** Freezes a value all the way down, so that whoever changes it later fails. */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value) && !ArrayBuffer.isView(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
