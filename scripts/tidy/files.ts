/** The files of the repository, and what a rule says about one. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, statSync } from "node:fs";
import { resolve, sep } from "node:path";

export interface Finding {
  /** Relative to the root, with slashes. */
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  readonly text: string;
  /** Reported, but no reason to fail. */
  readonly hint?: boolean;
}

export type ReadText = (path: string) => string;

/** Text files that are or would be committed, sorted. */
export function listFiles(root: string): string[] {
  return listAllFiles(root).filter((path) => isText(path));
}

/** All files that are or would be committed, pictures too. Without git: every file outside generated folders. */
export function listAllFiles(root: string): string[] {
  const arguments_ = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const git = spawnSync("git", arguments_, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const paths = git.status === 0 ? git.stdout.split("\0") : walk(root);
  return [...new Set(paths)].filter((path) => path !== "" && isFile(root, path)).sort();
}

function walk(root: string): string[] {
  const exclude = (path: string): boolean => /(^|[\\/])(node_modules|dist|\.git|\.tidelock)$/.test(path);
  return globSync(["**/*", ".*", ".ci/*"], { cwd: root, exclude }).map((path) => path.split(sep).join("/"));
}

function isText(path: string): boolean {
  return !/\.(png|jpg|jpeg|gif|webp|ico|woff2?|gz|zst|zip|pdf|wasm|mp4|bin)$/.test(path);
}

function isFile(root: string, path: string): boolean {
  const full = resolve(root, path);
  return existsSync(full) && statSync(full).isFile();
}

/** Line number, from 1, of a position in a text. */
export function lineAt(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}

export function isTestFile(path: string): boolean {
  return /\.(test|long|fuzz|bench)\.tsx?$/.test(path);
}
