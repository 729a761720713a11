/** The disk under the data: how much space it has, and how long it takes to make something durable. */
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { shortPath } from "../dev-secret.ts";
import { words } from "../failure.ts";
import { formatBytes } from "../output.ts";
import { type Check, checkNamed } from "./check.ts";

const LOW_BYTES = 1_000_000_000;
const FULL_BYTES = 50_000_000;
/** A commit waits for one sync; slower disks than this are felt by everybody who writes. */
const SLOW_SYNC_MS = 20;
/** The measurement ends after so many syncs or so long, whichever comes first. */
const MAX_SYNCS = 50;
const MAX_MEASURE_MS = 400;
const PAGE_BYTES = 4096;
/** File systems in memory (statfs, `f_type`): tmpfs and ramfs. */
const IN_MEMORY = new Set([0x0102_1994, 0x8584_58f6]);

/** The folder that holds, or will hold, the data. */
export function dataFolder(path: string | null): string {
  for (let folder = path === null ? process.cwd() : dirname(resolve(path)); ; folder = dirname(folder)) {
    if (existsSync(folder)) return folder;
  }
}

export function checkSpace(folder: string): Check {
  const check = checkNamed("disk-space", "Disk space");
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const detail = `${formatBytes(free)} free`;
  if (free >= LOW_BYTES) return check.ok(detail);
  const next = "Free space, or move the data: a full disk refuses every write.";
  return free >= FULL_BYTES ? check.warn(detail, next) : check.fail(detail, next);
}

export function checkSync(folder: string): Check {
  const check = checkNamed("disk-sync", "Disk sync");
  let times: readonly number[];
  try {
    times = measureSyncs(join(folder, `.tidelock-doctor-${process.pid}`));
  } catch (error) {
    return check.fail(
      `${shortPath(folder)} cannot be written: ${words(error)}`,
      "Give the server's user the right to write there.",
    );
  }
  const median = times[times.length >> 1] ?? 0;
  const slowest = times.at(-1) ?? 0;
  const detail = `${milliseconds(median)} median, ${milliseconds(slowest)} slowest of ${times.length}`;
  if (IN_MEMORY.has(statfsSync(folder).type)) {
    return check.warn(`${detail}; the folder is in memory`, "Keep data that must survive a restart on a disk.");
  }
  if (median <= SLOW_SYNC_MS) return check.ok(detail);
  return check.warn(detail, "Every commit waits that long: use a local SSD, not a network disk.");
}

/** Milliseconds of each sync, ascending. */
function measureSyncs(path: string): readonly number[] {
  const page = Buffer.alloc(PAGE_BYTES, 1);
  const times: number[] = [];
  const descriptor = openSync(path, "wx");
  try {
    const start = performance.now();
    while (times.length < MAX_SYNCS && performance.now() - start < MAX_MEASURE_MS) {
      const before = performance.now();
      writeSync(descriptor, page);
      fsyncSync(descriptor);
      times.push(performance.now() - before);
    }
  } finally {
    closeSync(descriptor);
    rmSync(path, { force: true });
  }
  return times.sort((left, right) => left - right);
}

function milliseconds(value: number): string {
  return `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;
}
