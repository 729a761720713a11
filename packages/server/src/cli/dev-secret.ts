/**
 * The secret of a developer's machine: `.tidelock/dev-secret`, one line, readable by its owner only. Servers for
 * development verify tokens with it and `tidelock token` signs them, so that both need no configuration. Production never
 * reads it.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { words, AdvisedError } from "./failure.ts";

const SECRET_FILE = ".tidelock/dev-secret";
/** HS256 wants a key of at least the size of its hash (RFC 7518, section 3.2). */
export const MIN_SECRET_BYTES = 32;

export interface DevSecret {
  readonly path: string;
  readonly secret: string;
  /** Whether it was made just now. */
  readonly made: boolean;
}

/** The nearest secret: of this folder, or of one that contains it. */
export function findDevSecret(from: string = process.cwd()): string | null {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, SECRET_FILE);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) return null;
  }
}

/** The secret of a folder; makes one when there is none. */
export function openDevSecret(folder: string = process.cwd()): DevSecret {
  const path = join(folder, SECRET_FILE);
  if (existsSync(path)) return { path, secret: readSecret(path), made: false };
  const secret = randomBytes(MIN_SECRET_BYTES).toString("base64url");
  try {
    mkdirSync(dirname(path), { recursive: true });
    // `wx`: of two processes that start together, one makes it and the other reads it.
    writeFileSync(path, `${secret}\n`, { mode: 0o600, flag: "wx" });
    chmodSync(path, 0o600);
  } catch (error) {
    if (existsSync(path)) return { path, secret: readSecret(path), made: false };
    const detail = `${shortPath(path)} cannot be written: ${words(error)}`;
    throw new AdvisedError("storage-unavailable", detail, "Start it in a folder that you may write to.");
  }
  return { path, secret, made: true };
}

/** The secret in a file: its first line. Throws `secret-missing`. */
export function readSecret(path: string): string {
  let secret: string;
  try {
    secret = readFileSync(path, "utf8").split("\n", 1)[0]?.trim() ?? "";
  } catch (error) {
    const detail = `${shortPath(path)} cannot be read: ${words(error)}`;
    throw new AdvisedError("secret-missing", detail, "Name a file that holds the secret in its first line.");
  }
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    const detail = `${shortPath(path)} holds ${Buffer.byteLength(secret)} bytes; a secret has at least ${MIN_SECRET_BYTES}`;
    throw new AdvisedError("secret-missing", detail, "Delete the file, and `tidelock dev` makes a good one.");
  }
  return secret;
}

/** A path as one would type it here. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short === "" ? "." : short.startsWith("..") ? path : short;
}
