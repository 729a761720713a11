/** `tidelock serve`: a server for production, from a configuration file. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Schema } from "@tidelock/core";
import type { Command } from "commander";
import type { JwtOptions } from "../api/auth.ts";
import { DEV_PORT, parsePort, portFromEnvironment } from "./command-options.ts";
import { type Webhook, webhookProblem } from "../webhook/webhook.ts";
import type { AuthConfig, TidelockConfig } from "./config.ts";
import { shortPath } from "./dev-secret.ts";
import { AdvisedError, words } from "./failure.ts";
import { helpText } from "./help-text.ts";
import { paint, print, printFacts } from "./output.ts";
import { version } from "./version.ts";
import { findConfigFile, loadConfig, mistaken } from "./project-file.ts";
import { addressesOf, ownCollections, schemaSummary, serverEntries } from "./server-facts.ts";

interface ServeOptions {
  readonly config?: string;
  readonly port?: number;
  readonly host?: string;
  readonly json?: true;
}

const SECRET_VARIABLE = "TIDELOCK_SECRET";
const DATA_FILE = ".tidelock/data.db";
const CONFIG_EXAMPLE = `

A configuration:
  import { defineConfig } from "@tidelock/server";
  import { schema } from "./tidelock.schema.ts";
  export default defineConfig({
    schema,
    storage: { sqlite: "data/tidelock.db" },
    auth: { secretEnv: "TIDELOCK_SECRET" },
    origins: ["https://app.example.com"],
  });`;

export function addServeCommand(program: Command): void {
  program
    .command("serve")
    .description("start a server for production, from a configuration file")
    .option("--config <file>", "the configuration (default: tidelock.config.{ts,js,mjs,json} of this folder)")
    .option("--port <number>", "the port to listen on, instead of PORT and the configuration's", parsePort)
    .option("--host <host>", "the address to listen on, instead of the configuration's")
    .option("--json", 'write JSON lines; the one with `msg` "ready" has the addresses')
    .addHelpText(
      "after",
      () =>
        helpText([
          "tidelock serve",
          "tidelock serve --config deploy/tidelock.config.ts --host 0.0.0.0 --port 80",
          'TIDELOCK_SECRET="$(openssl rand -base64 48)" tidelock serve --json',
        ]) + CONFIG_EXAMPLE,
    )
    .action(startServer);
}

async function startServer(options: ServeOptions): Promise<void> {
  const file = options.config ?? findConfigFile();
  if (file === null) {
    const detail = "there is no tidelock.config.ts, .js, .mjs or .json in this folder";
    throw new AdvisedError(
      "config-invalid",
      detail,
      "Make one, or name it with --config; `tidelock help serve` has an example.",
    );
  }
  const { path, config, schema } = await loadConfig(file);
  const { authenticate } = config;
  const dataFile = dataFileOf(config, path);
  // Loaded only now, so that other commands start faster.
  const { runServer } = await import("./run-server.ts");
  await runServer({
    options: {
      ...serverEntries(config),
      schema,
      webhooks: webhooksOf(config, path),
      ...(authenticate === undefined ? { auth: jwtOptions(config.auth, path) } : { authenticate }),
    },
    port: options.port ?? portFromEnvironment() ?? config.port ?? DEV_PORT,
    host: options.host ?? config.host ?? "127.0.0.1",
    dataFile,
    asJson: options.json === true,
    facts: { version, config: path, collections: ownCollections(schema).map(({ name }) => name) },
    announce: (url) => announce(url, path, schema, dataFile, config),
  });
}

function dataFileOf({ storage }: TidelockConfig, configPath: string): string | null {
  if (storage === "memory") return null;
  return resolve(dirname(configPath), storage?.sqlite ?? DATA_FILE);
}

/** Fetches the secrets from where the configuration says they are. */
function webhooksOf({ webhooks = [] }: TidelockConfig, configPath: string): readonly Webhook[] {
  return webhooks.map(({ secretEnv, secret, ...webhook }, index) => {
    const found = secretEnv === undefined ? secret : process.env[secretEnv];
    const usable = { ...webhook, secret: found ?? "" };
    const problem = webhookProblem(usable);
    if (problem === null) return usable;
    const from = secretEnv === undefined ? "" : ` in the environment variable ${secretEnv}`;
    throw mistaken(configPath, [`webhooks[${index}] ${problem}${from}`]);
  });
}

/** Fetches the secret from where the configuration says it is. */
function jwtOptions(auth: AuthConfig | undefined, configPath: string): JwtOptions {
  const { secretEnv, secretFile, ...options } = auth ?? {};
  if (options.secret !== undefined || options.jwks !== undefined) return options;
  if (secretFile !== undefined)
    return { ...options, secret: fileSecret(resolve(dirname(configPath), secretFile), configPath) };
  const variable = secretEnv ?? SECRET_VARIABLE;
  const secret = process.env[variable];
  if (secret !== undefined && secret !== "") return { ...options, secret };
  throw new AdvisedError(
    "secret-missing",
    secretEnv === undefined
      ? `there is no way to verify tokens: ${shortPath(configPath)} has no auth, and ${SECRET_VARIABLE} is not set`
      : `auth.secretEnv names the environment variable ${variable}, which is not set`,
    `Set ${variable} to a secret of at least 32 bytes, or set auth.secretFile or auth.jwks.`,
  );
}

function fileSecret(path: string, configPath: string): string {
  try {
    return readFileSync(path, "utf8").split("\n", 1)[0]?.trim() ?? "";
  } catch (error) {
    throw mistaken(configPath, [`auth.secretFile must be a file that can be read: ${words(error)}`]);
  }
}

function verifierName({ auth, authenticate }: TidelockConfig): string {
  if (authenticate !== undefined) return "by the configuration's own function";
  return auth?.jwks === undefined ? "with a shared secret" : "with a key set";
}

function announce(url: string, path: string, schema: Schema, dataFile: string | null, config: TidelockConfig): void {
  print();
  print(`  ${paint.output("bold", `Tidelock ${version}`)}`);
  print();
  printFacts(addressesOf(url, config).map(([name, address]) => [name.padEnd(9), paint.output("cyan", address)]));
  print();
  printFacts([
    ["Config".padEnd(9), shortPath(path)],
    ["Schema", schemaSummary(schema)],
    ["Data", dataFile === null ? "in memory, gone with the process" : shortPath(dataFile)],
    ["Tokens", `verified ${verifierName(config)}`],
  ]);
  print();
}
