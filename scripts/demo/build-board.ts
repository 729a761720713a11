/**
 * Builds `apps/board/dist` when it does not match its sources. The fingerprint of the sources is kept in the build; the
 * build is made aside and then put in its place, so that a server that starts meanwhile never serves half of one.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const board = join(root, "apps/board");
const dist = join(board, "dist");
const STAMP = ".sources";

const SOURCES = [
  "apps/board/{index.html,package.json,vite.config.ts}",
  "apps/board/{src,public,build}/**/*",
  "packages/{core,client}/src/**/*.ts",
];

/** The folder of a build that matches the sources. Rejects with the builder's output when they cannot be built. */
export async function builtBoard(announce: (text: string) => void): Promise<string> {
  const fingerprint = fingerprintOfSources();
  if (readStamp() === fingerprint) return dist;
  announce("Building the board …");
  const draft = join(root, `node_modules/.cache/tidelock-board-${process.pid}`);
  try {
    await runVite(draft);
    writeFileSync(join(draft, STAMP), fingerprint);
    mkdirSync(board, { recursive: true });
    rmSync(dist, { recursive: true, force: true });
    renameSync(draft, dist);
  } catch (error) {
    // Another process may have put the same build there first.
    if (readStamp() !== fingerprint) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return dist;
}

function readStamp(): string | null {
  const path = join(dist, STAMP);
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}

function fingerprintOfSources(): string {
  const hash = createHash("sha256");
  const isTest = (path: string): boolean => /\.(test|long|fuzz|bench)\.tsx?$/.test(path);
  const paths = globSync(SOURCES, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile() && !isTest(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const path of paths) hash.update(path.slice(root.length)).update("\0").update(readFileSync(path)).update("\0");
  return hash.digest("hex");
}

function runVite(outDir: string): Promise<void> {
  const vite = createRequire(join(board, "package.json"))
    .resolve("vite/package.json")
    .replace(/package\.json$/, "bin/vite.js");
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vite, "build", "--outDir", outDir, "--emptyOutDir", "--logLevel", "warn"], {
      cwd: board,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const keep = (bytes: Buffer): void => void (output += bytes.toString());
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`the board could not be built:\n${output}`)),
    );
  });
}
