/** What the machine brings: Node, SQLite, and the secret of its developer. */
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { text } from "../../storage/sqlite-format.ts";
import { findDevSecret, readSecret, shortPath } from "../dev-secret.ts";
import { words } from "../failure.ts";
import { type Check, checkNamed } from "./check.ts";

/** As in `engines` of package.json. */
const OLDEST_NODE: readonly [number, number] = [24, 15];
/** The first version in which a checkpoint cannot lose a commit that another connection makes at the same moment. */
const OLDEST_SQLITE: readonly [number, number, number] = [3, 51, 3];
const OTHERS_MAY = 0o077;

export function checkNode(): Check {
  const check = checkNamed("node", "Node.js");
  if (isAtLeast(process.versions.node, OLDEST_NODE)) return check.ok(process.version);
  return check.fail(process.version, `Install Node ${OLDEST_NODE.join(".")} or later.`);
}

export function checkSqlite(): Check {
  const check = checkNamed("sqlite", "SQLite");
  const database = new DatabaseSync(":memory:");
  const version = text(database.prepare("SELECT sqlite_version() AS version").get()?.["version"]);
  database.close();
  if (isAtLeast(version, OLDEST_SQLITE)) return check.ok(version);
  return check.warn(version, `Take a Node with SQLite ${OLDEST_SQLITE.join(".")} or later.`);
}

export function checkDevSecret(): Check {
  const check = checkNamed("dev-secret", "Dev secret");
  const path = findDevSecret();
  if (path === null) return check.ok("none here; `tidelock dev` makes one");
  try {
    readSecret(path);
  } catch (error) {
    return check.fail(
      words(error).replace(/^secret-missing: /, ""),
      `Delete ${shortPath(path)}; \`tidelock dev\` makes a good one.`,
    );
  }
  const mode = statSync(path).mode & 0o777;
  if (process.platform === "win32" || (mode & OTHERS_MAY) === 0) return check.ok(shortPath(path));
  return check.warn(
    `${shortPath(path)} can be read by others (mode ${mode.toString(8)})`,
    `chmod 600 ${shortPath(path)}`,
  );
}

function isAtLeast(version: string, oldest: readonly number[]): boolean {
  const parts = version.split(".").map(Number);
  const index = oldest.findIndex((number, position) => parts[position] !== number);
  return index < 0 || (parts[index] ?? 0) > (oldest[index] ?? 0);
}
