/**
 * Emits `dist` of every package, or of the packages named on the command line, in dependency order.
 *
 * The source condition is switched off here: a package is compiled against the emitted declarations of its siblings,
 * exactly what a user of the published package will see. `inbox` alone builds the page that the server serves.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const dependencies: Record<string, readonly string[]> = {
  core: [],
  client: ["core"],
  server: ["core"],
  testkit: ["core", "client", "server"],
};

function build(name: string): void {
  const folder = join(root, "packages", name);
  rmSync(join(folder, "dist"), { recursive: true, force: true });
  const folders = ["--rootDir", join(folder, "src"), "--outDir", join(folder, "dist")];
  const emit = ["--noEmit", "false", "--noEmitOnError", "--allowImportingTsExtensions", "false"];
  const options = [...folders, ...emit, "--rewriteRelativeImportExtensions", "--customConditions", "null"];
  const tsc = join(root, "node_modules/@typescript/native/bin/tsc");
  const result = spawnSync(process.execPath, [tsc, "-p", folder, ...options], { stdio: "inherit", cwd: root });
  if (result.status !== 0) {
    console.error(`build of packages/${name} failed`);
    process.exit(1);
  }
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  if (name === "server") buildInbox(join(folder, "dist/inbox"));
}

/** The page for reviews, which the server brings along. */
function buildInbox(outDir: string): void {
  const vite = join(root, "node_modules/vite/bin/vite.js");
  const options = ["--outDir", outDir, "--emptyOutDir", "--logLevel", "warn"];
  const result = spawnSync(process.execPath, [vite, "build", ...options], {
    stdio: "inherit",
    cwd: join(root, "apps/inbox"),
  });
  if (result.status === 0) return;
  console.error("build of apps/inbox failed");
  process.exit(1);
}

const named = process.argv.slice(2).filter((name) => name !== "inbox");
if (process.argv.includes("inbox")) buildInbox(join(root, "packages/server/dist/inbox"));
for (const name of named) {
  const needs = dependencies[name];
  if (needs === undefined) {
    console.error(`no package called ${name}; there are ${Object.keys(dependencies).join(", ")}`);
    process.exit(1);
  }
  for (const needed of needs) {
    if (!existsSync(join(root, "packages", needed, "dist/index.d.ts"))) build(needed);
  }
}
for (const name of process.argv.length > 2 ? named : Object.keys(dependencies)) build(name);
