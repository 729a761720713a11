/**
 * Files of the user's project: found by name, imported as modules, and every way in which that fails told as a coded error
 * that names the file and the line. TypeScript needs no build: Node strips its types.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isErrorCode, type Schema, type TidelockError } from "@tidelock/core";
import type { TidelockConfig } from "./config.ts";
import { configMistakes, isSchema } from "./config-entries.ts";
import { shortPath } from "./dev-secret.ts";
import { AdvisedError, words } from "./failure.ts";

const SCHEMA_FILES = ["tidelock.schema.ts", "tidelock.schema.js", "tidelock.schema.mjs"];
const CONFIG_FILES = ["tidelock.config.ts", "tidelock.config.js", "tidelock.config.mjs", "tidelock.config.json"];
const MODULES = [".ts", ".mts", ".js", ".mjs"];

const MEND_CONFIG = "Mend what is named above; `tidelock help serve` and docs/CLI.md list the entries.";

export function findSchemaFile(folder: string = process.cwd()): string | null {
  return firstIn(folder, SCHEMA_FILES);
}

export function findConfigFile(folder: string = process.cwd()): string | null {
  return firstIn(folder, CONFIG_FILES);
}

function firstIn(folder: string, names: readonly string[]): string | null {
  return names.map((name) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** The schema that a file exports as `schema` or as its default. Throws `config-invalid` or `schema-invalid`. */
export async function loadSchema(given: string): Promise<Schema> {
  const path = resolve(given);
  const exported = await importFile(path, MODULES);
  const schema = [exported["schema"], exported["default"]].find(isSchema);
  if (schema !== undefined) return schema as Schema;
  throw new AdvisedError(
    "config-invalid",
    `${shortPath(path)} exports no schema`,
    "Export it: `export const schema = defineSchema({ … });`",
  );
}

/** A configuration whose entries have been checked, its file, and its schema loaded. Throws `config-invalid`. */
export async function loadConfig(
  given: string,
): Promise<{ readonly path: string; readonly config: TidelockConfig; readonly schema: Schema }> {
  const path = resolve(given);
  const config = extname(path) === ".json" ? readJson(path) : await importConfig(path);
  const mistakes = configMistakes(config);
  if (mistakes.length > 0) throw mistaken(path, mistakes);
  const checked = config as TidelockConfig;
  const schema =
    typeof checked.schema === "string" ? await loadSchema(join(dirname(path), checked.schema)) : checked.schema;
  const again = configMistakes({ ...checked, schema });
  if (again.length > 0) throw mistaken(path, again);
  return { path, config: checked, schema };
}

/** An error about entries of a configuration file. */
export function mistaken(path: string, mistakes: readonly string[]): TidelockError {
  const [only = ""] = mistakes;
  const list = mistakes.map((mistake) => `\n  ${mistake}`).join("");
  const detail =
    mistakes.length === 1
      ? `${shortPath(path)}: ${only}`
      : `${shortPath(path)} has ${mistakes.length} mistakes:${list}`;
  return new AdvisedError("config-invalid", detail, MEND_CONFIG);
}

async function importConfig(path: string): Promise<unknown> {
  const exported = await importFile(path, [...MODULES, ".json"]);
  const config = exported["default"] ?? exported["config"];
  if (config !== undefined) return config;
  throw new AdvisedError(
    "config-invalid",
    `${shortPath(path)} exports no configuration`,
    "Export it: `export default defineConfig({ … });`",
  );
}

function readJson(path: string): unknown {
  if (!existsSync(path)) throw noSuchFile(path);
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new AdvisedError("config-invalid", `${shortPath(path)} is not JSON: ${words(error)}`, MEND_CONFIG);
  }
}

async function importFile(path: string, endings: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  if (!existsSync(path)) throw noSuchFile(path);
  if (!endings.includes(extname(path))) {
    const detail = `${shortPath(path)} must end with ${endings.join(", ")}`;
    throw new AdvisedError("config-invalid", detail, "Rename the file, or name another one.");
  }
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    throw importFailure(path, error);
  }
}

function noSuchFile(path: string): TidelockError {
  return new AdvisedError("config-invalid", `there is no file ${shortPath(path)}`, "Check the name and the folder.");
}

/** What `defineSchema` says goes on as it is; everything else is a mistake in the file. */
function importFailure(path: string, error: unknown): Error {
  if (error instanceof Error && error.name === "TidelockError" && "code" in error && isErrorCode(error.code)) {
    return new AdvisedError(
      error.code,
      `${shortPath(path)}: ${error.message.replace(`${error.code}: `, "")}`,
      `Mend ${shortPath(path)}.`,
    );
  }
  const reason = words(error).split("\n", 1)[0] ?? "";
  const where = placeOf(error) ?? shortPath(path);
  return new AdvisedError(
    "config-invalid",
    `${where}: ${reason.replaceAll(process.cwd(), ".")}`,
    `Mend ${shortPath(path)}.`,
  );
}

/** `file:line` of a mistake, from the top of the stack: where a parser stopped, or where user code threw. */
function placeOf(error: unknown): string | null {
  if (!(error instanceof Error) || error.stack === undefined) return null;
  for (const match of error.stack.matchAll(/(file:\/\/[^\s:)]+|(?<=^|[\s(])\/[^\s:)]+):(\d+)/gm)) {
    const [, file = "", line = ""] = match;
    const path = file.startsWith("file:") ? fileURLToPath(file) : file;
    if (!path.includes("node_modules") && existsSync(path)) return `${shortPath(path)}:${line}`;
  }
  return null;
}
