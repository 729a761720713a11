/**
 * The time that functions of the application may take: rules that settle conflicts, and mutators. A function that never
 * ends would stop the whole process, and all its tenants; so it runs under the watchdog of `node:vm`, which ends the
 * JavaScript of the main context as well. What runs under it must be safe to stop anywhere and to run again: it reads, and
 * changes nothing but what it returns.
 *
 * The watchdog goes by the clock on the wall, and a process that was not given its processor looks like a function that
 * does not end. So what counts is the processor time that this thread used: a call that ran out of time without using it
 * gets more, and one that did use it gets a second chance, because a pause of the collector counts as well.
 *
 * Measured (Node 24, two cores): about 70 µs for a call on an idle machine and 100 to 350 µs on a busy one, because each
 * call starts a thread. That is little for a conflict and bearable for a mutator, but too much for write rules, which are
 * asked for every mutation: they are trusted to end.
 */
import { createContext, Script } from "node:vm";
import { type Millis, RanOutOfTime, type TimeLimit, UNLIMITED } from "@tidelock/core";

export const DEFAULT_RULE_TIMEOUT_MS: Millis = 50;
/** Longer would hold up every tenant of the process for too long. */
export const MAX_RULE_TIMEOUT_MS: Millis = 10_000;

/** Calls that used up their processor time before the function is given up. */
const CHANCES = 2;
/** Runs of one call, each with twice the time on the wall of the last. */
const MAX_RUNS = 6;
/** Of its time: what a call that was stopped used at least, if it was not kept from running. */
const USED_UP = 0.8;

/** What a limit needs of the process. */
export interface Watch {
  /** Runs a function, and throws `RanOutOfTime` when it has not ended in time. */
  readonly run: <Result>(work: () => Result, timeoutMs: Millis) => Result;
  /** Processor time of this thread so far, milliseconds. */
  readonly used: () => Millis;
}

/** @param limitMs 0: none */
export function timeLimit(limitMs: Millis, watch: Watch = PROCESS): TimeLimit {
  if (limitMs === 0) return UNLIMITED;
  let isRunning = false;
  return (work) => {
    // What a limited function calls is within its limit.
    if (isRunning) return work();
    isRunning = true;
    try {
      return withChances(work, limitMs, watch);
    } finally {
      isRunning = false;
    }
  };
}

function withChances<Result>(work: () => Result, limitMs: Millis, watch: Watch): Result {
  let wallMs = limitMs;
  let usedUp = 0;
  for (let run = 1; ; run++) {
    const before = watch.used();
    try {
      return watch.run(work, wallMs);
    } catch (error) {
      if (!(error instanceof RanOutOfTime)) throw error;
      if (watch.used() - before >= limitMs * USED_UP) usedUp += 1;
      else wallMs *= 2;
      if (usedUp >= CHANCES || run >= MAX_RUNS) throw new RanOutOfTime(`it took longer than ${limitMs} ms`);
    }
  }
}

const room: { run: (() => unknown) | null } = { run: null };
const context = createContext(room);
const script = new Script("run()");

const PROCESS: Watch = {
  run: <Result>(work: () => Result, timeoutMs: Millis): Result => {
    room.run = work;
    try {
      return script.runInContext(context, { timeout: Math.ceil(timeoutMs), displayErrors: false }) as Result;
    } catch (error) {
      throw isTimeout(error) ? new RanOutOfTime() : error;
    } finally {
      room.run = null;
    }
  },
  used: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
};

/** The watchdog's error is not one of this context. */
function isTimeout(error: unknown): boolean {
  return (
    typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
  );
}
