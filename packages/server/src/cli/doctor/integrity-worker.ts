/** A thread that reads a whole data file and says what is wrong with it, so that the main one can show that it lives. */
import { parentPort, workerData } from "node:worker_threads";
import { text } from "../../storage/sqlite-format.ts";
import { openReadOnly } from "../data-file.ts";

/** Findings after which it stops: the first ones say enough. */
const MAX_FINDINGS = 5;

/** What is wrong; empty when nothing is. */
export type Findings = readonly string[];

const path: string = workerData;
const database = openReadOnly(path);
try {
  const rows = database.prepare(`PRAGMA quick_check(${MAX_FINDINGS})`).all();
  const lines = rows.map((row) => text(row["quick_check"]));
  const findings: Findings = lines.length === 1 && lines[0] === "ok" ? [] : lines;
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(findings);
} finally {
  database.close();
}
