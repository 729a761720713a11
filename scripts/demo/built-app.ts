/**
 * Builds an app of `apps/` when what is built does not match its sources. The fingerprint of the sources is kept in the
 * build; the build is made aside and then put in its place, so that a server that starts meanwhile never serves half of one.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "../..");
const STAMP = ".sources";

interface App {
  readonly name: string;
  readonly folder: string;
  /** Where the build is put. */
  readonly dist: string;
}

const APPS = {
  board: { name: "board", folder: join(root, "apps/board"), dist: join(root, "apps/board/dist") },
  // Where the server looks for the page that it serves itself.
  inbox: { name: "inbox", folder: join(root, "apps/inbox"), dist: join(root, "packages/server/dist/inbox") },
} as const satisfies Record<string, App>;

/** The folder of a build that matches the sources. Rejects with the builder's output when they cannot be built. */
export async function builtApp(name: keyof typeof APPS, announce: (text: string) => void): Promise<string> {
  const app: App = APPS[name];
  const fingerprint = fingerprintOfSources(app);
  if (readStamp(app) === fingerprint) return app.dist;
  announce(`Building the ${name} …`);
  const draft = join(root, `node_modules/.cache/tidelock-${name}-${process.pid}`);
  try {
    await runVite(app, draft);
    writeFileSync(join(draft, STAMP), fingerprint);
    mkdirSync(dirname(app.dist), { recursive: true });
    rmSync(app.dist, { recursive: true, force: true });
    renameSync(draft, app.dist);
  } catch (error) {
    // Another process may have put the same build there first.
    if (readStamp(app) !== fingerprint) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return app.dist;
}

function readStamp({ dist }: App): string | null {
  const path = join(dist, STAMP);
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}

function fingerprintOfSources({ name }: App): string {
  const hash = createHash("sha256");
  const isTest = (path: string): boolean => /\.(test|long|fuzz|bench)\.tsx?$/.test(path);
  const sources = [
    `apps/${name}/{index.html,package.json,vite.config.ts}`,
    `apps/${name}/{src,public,build}/**/*`,
    "packages/{core,client}/src/**/*.ts",
  ];
  const paths = globSync(sources, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile() && !isTest(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const path of paths) hash.update(path.slice(root.length)).update("\0").update(readFileSync(path)).update("\0");
  return hash.digest("hex");
}

function runVite({ name, folder }: App, outDir: string): Promise<void> {
  const vite = createRequire(join(folder, "package.json"))
    .resolve("vite/package.json")
    .replace(/package\.json$/, "bin/vite.js");
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vite, "build", "--outDir", outDir, "--emptyOutDir", "--logLevel", "warn"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const keep = (bytes: Buffer): void => void (output += bytes.toString());
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`the ${name} could not be built:\n${output}`)),
    );
  });
}
