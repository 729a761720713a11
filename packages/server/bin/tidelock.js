#!/usr/bin/env node
/**
 * Starts the command line, wherever it is: from `dist` in a published package, from source in a checkout of the
 * repository. A checkout brings the Node that it is developed with, so the one that starts this file may be older; what
 * stands here runs on any. The pinned Node takes over with the condition under which packages resolve to their sources.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = [24, 15];

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "../src/cli/main.ts");

if (existsSync(source)) runSource();
else if (isRecent(process.versions.node)) await import(new URL("../dist/cli/main.js", import.meta.url).href);
else refuse();

function runSource() {
  const node = isRecent(process.versions.node) ? process.execPath : pinnedNode();
  if (node === null) return refuse();
  const child = spawn(node, ["--conditions=@tidelock/source", source, ...process.argv.slice(2)], { stdio: "inherit" });
  // A terminal sends an interrupt to both; the others are passed on. The child decides when to end.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`error internal: ${node} cannot be started: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  });
}

/** The Node that `npm install` put beside the other programs of the checkout. */
function pinnedNode() {
  const name = process.platform === "win32" ? "node.exe" : "node";
  for (let folder = here; ; folder = dirname(folder)) {
    const node = join(folder, "node_modules/.bin", name);
    if (existsSync(node)) return node;
    if (folder === dirname(folder)) return null;
  }
}

function isRecent(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

function refuse() {
  const needed = OLDEST_NODE.join(".");
  process.stderr.write(`error: Tidelock needs Node ${needed} or later; this is ${process.versions.node}\n`);
  process.stderr.write("fix: Install a newer Node from nodejs.org or with your version manager.\n");
  process.exitCode = 1;
}
