/**
 * The development secret: made once, one line in `.tidelock/dev-secret`, readable by its owner only. Whoever has it can
 * sign tokens for any tenant, as `npx tidelock token` does; it is for one machine and one developer.
 */
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const SECRET_BYTES = 32;

/** The secret of the file; of several processes that start at once, one makes it and all read the same. */
export function developmentSecret(path: string): string {
  const known = read(path);
  if (known !== null) return known;
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${randomBytes(SECRET_BYTES).toString("base64url")}\n`, { mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(draft);
  }
  const made = read(path);
  if (made === null) throw new Error(`${path} is empty: remove it, and it is made anew.`);
  return made;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim() || null;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
