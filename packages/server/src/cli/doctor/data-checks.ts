/** The data file: that it is there, can be read, is whole, and who holds it. */
import { existsSync, statSync } from "node:fs";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { currentFormat, DataFile, isHeld } from "../data-file.ts";
import { shortPath } from "../dev-secret.ts";
import { words } from "../failure.ts";
import { formatBytes } from "../output.ts";
import { withProgress } from "../progress.ts";
import { type Check, checkNamed } from "./check.ts";
import type { Findings } from "./integrity-worker.ts";

const DATA_FILES = [".tidelock/dev.db", ".tidelock/data.db"];
/** The log is folded into the file at about 32 MiB; one that grows beyond this is kept from it. */
const MAX_LOG_BYTES = 128 * 1024 * 1024;

/** The file that was named, or the one that a server started here would use. */
export function chooseDataFile(given: string | undefined): string | null {
  return given ?? DATA_FILES.find((path) => existsSync(path)) ?? null;
}

/** @param demanded whether the user named the file, so that it must be there */
export async function* checkData(path: string | null, demanded: boolean): AsyncGenerator<Check> {
  const check = checkNamed("data-file", "Data file");
  if (path === null) return yield check.ok("none here; `tidelock dev` makes one");
  if (!existsSync(path)) {
    return yield check[demanded ? "fail" : "warn"](
      `${shortPath(path)} does not exist`,
      "Check the path given with --data.",
    );
  }
  let file: DataFile;
  try {
    file = DataFile.open(path);
  } catch (error) {
    return yield check.fail(
      words(error).replace(/^[a-z-]+: /, ""),
      "Restore it from a backup, or name another file with --data.",
    );
  }
  try {
    const tenants = file.tenants();
    const events = tenants.reduce((sum, { head, floor }) => sum + head - floor, 0);
    yield check.ok(
      `${shortPath(path)}, ${formatBytes(statSync(path).size)}, ${count(tenants.length, "tenant")}, ${count(events, "event")}`,
    );
    yield checkFormat(file.format);
  } catch (error) {
    yield check.fail(`${shortPath(path)} cannot be read: ${words(error)}`, "Restore it from a backup.");
  } finally {
    file.close();
  }
  yield checkLock(path);
  yield checkLog(path);
  yield await checkIntegrity(path);
}

function checkFormat(format: number): Check {
  const check = checkNamed("data-format", "Format");
  const current = currentFormat().format;
  if (format === current) return check.ok(String(format));
  if (format < current) return check.ok(`${format}; the next start brings it to ${current}`);
  return check.fail(
    `${format}; this version reads up to ${current}`,
    "Install the version that wrote it, or a later one.",
  );
}

function checkLock(path: string): Check {
  const check = checkNamed("data-lock", "Lock");
  try {
    return check.ok(isHeld(path) ? "held by a running server" : "free: no server runs on it");
  } catch (error) {
    return check.warn(`cannot be read: ${words(error)}`, `Check the permissions of ${shortPath(path)}-lock.`);
  }
}

function checkLog(path: string): Check {
  const check = checkNamed("data-log", "Log (WAL)");
  const bytes = existsSync(`${path}-wal`) ? statSync(`${path}-wal`).size : 0;
  if (bytes <= MAX_LOG_BYTES) return check.ok(formatBytes(bytes));
  return check.warn(
    formatBytes(bytes),
    "Something reads the file without end and keeps the log from being folded in; end it, or restart the server.",
  );
}

async function checkIntegrity(path: string): Promise<Check> {
  const check = checkNamed("data-integrity", "Integrity");
  const size = formatBytes(statSync(path).size);
  try {
    const findings = await withProgress(`Integrity: reading ${size}`, quickCheck(path));
    if (findings.length === 0) return check.ok("quick check passed");
    return check.fail(findings.join("; "), "Stop the server, keep a copy of the file, and restore it from a backup.");
  } catch (error) {
    return check.fail(
      `cannot be checked: ${words(error)}`,
      "Stop the server, keep a copy of the file, and restore it from a backup.",
    );
  }
}

function quickCheck(path: string): Promise<Findings> {
  return new Promise((resolve, reject) => {
    const file = new URL(`./integrity-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(file, { workerData: path });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("the check ended without a result")));
  });
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
