/** Adds `LICENSES.txt` to the build: the licences of everybody else's code that the page has in it. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const FILES = ["LICENSE", "LICENSE.md", "LICENSE.txt", "license"];
const APP = join(import.meta.dirname, "../package.json");

export function licenses(): Plugin {
  return {
    name: "tidelock-licenses",
    apply: "build",
    generateBundle() {
      const found = new Map<string, string>();
      collect(APP, found);
      const texts = [...found].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, text]) => text);
      this.emitFile({ type: "asset", fileName: "LICENSES.txt", source: texts.join("\n\n") });
    },
  };
}

/** Walks the dependencies; those of the workspace have the licence of the package that the page is part of. */
function collect(manifest: string, found: Map<string, string>): void {
  const { dependencies = {} } = read(manifest);
  for (const name of Object.keys(dependencies)) {
    if (found.has(name) || name.startsWith("@tidelock/")) continue;
    const path = manifestOf(name, manifest);
    const { version, license = "" } = read(path);
    const file = FILES.map((each) => join(dirname(path), each)).find((each) => existsSync(each));
    if (file === undefined) throw new Error(`${name} has no licence file`);
    found.set(name, `── ${name} ${version} (${license}) ──\n\n${readFileSync(file, "utf8").trim()}\n`);
    collect(path, found);
  }
}

/** A package need not export its manifest, so the folders are walked. */
function manifestOf(name: string, from: string): string {
  const folders = createRequire(from).resolve.paths(name) ?? [];
  const path = folders.map((folder) => join(folder, name, "package.json")).find((each) => existsSync(each));
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}

function read(path: string): Manifest {
  return JSON.parse(readFileSync(path, "utf8")) as Manifest;
}
