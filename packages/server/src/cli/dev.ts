/** `tidelock dev`: a server for development, without configuration. */
import { resolve } from "node:path";
import type { Schema } from "@tidelock/core";
import type { Command } from "commander";
import { DEV_PORT, parsePort, portFromEnvironment } from "./command-options.ts";
import type { TidelockConfig } from "./config.ts";
import { curlExample } from "./curl-example.ts";
import { DEMO_TENANT, demoSchema } from "./demo-schema.ts";
import { type DevSecret, openDevSecret, shortPath } from "./dev-secret.ts";
import { signDevToken } from "./dev-token.ts";
import { UsageError } from "./failure.ts";
import { helpText } from "./help-text.ts";
import { paint, print, printFacts } from "./output.ts";
import { version } from "./version.ts";
import { findConfigFile, findSchemaFile, loadConfig, loadSchema } from "./project-file.ts";
import { addressesOf, ownCollections, schemaSummary, serverEntries } from "./server-facts.ts";

interface DevOptions {
  readonly schema?: string;
  readonly port: number;
  readonly host: string;
  readonly data?: string;
  readonly memory?: true;
  readonly json?: true;
}

const DATA_FILE = ".tidelock/dev.db";
const EXAMPLE_TOKEN_SECONDS = 24 * 3600;

export function addDevCommand(program: Command): void {
  program
    .command("dev")
    .description("start a server for development, without configuration")
    .option("--schema <file>", "the file that exports the schema")
    .option("--port <number>", "the port to listen on; 0 for any that is free", parsePort)
    .option("--host <host>", "the address to listen on", "127.0.0.1")
    .option("--data <file>", `the data file (default: "${DATA_FILE}")`)
    .option("--memory", "keep the data in memory")
    .option("--json", 'write JSON lines; the one with `msg` "ready" has the addresses')
    .addHelpText("after", () =>
      helpText(
        ["tidelock dev", "tidelock dev --schema src/schema.ts --port 5000", "tidelock dev --memory"],
        "Without --schema it takes tidelock.schema.{ts,js,mjs} or the schema in tidelock.config.{ts,js,mjs,json} of this folder, and without those a schema of its own for trying out.",
        "Tokens are verified with .tidelock/dev-secret, which it makes.",
      ),
    )
    .action((options: Omit<DevOptions, "port"> & { readonly port?: number }) =>
      startDev({ ...options, port: options.port ?? portFromEnvironment() ?? DEV_PORT }),
    );
}

/** The schema, where it comes from, and what a configuration says besides. */
interface Source {
  readonly schema: Schema;
  /** `null`: the built-in one. */
  readonly file: string | null;
  readonly config: Partial<TidelockConfig>;
}

async function startDev(options: DevOptions): Promise<void> {
  if (options.memory === true && options.data !== undefined) {
    throw new UsageError("--memory and --data exclude each other", "Leave one of them out.");
  }
  const source = await findSource(options.schema);
  const secret = openDevSecret();
  const dataFile = options.memory === true ? null : resolve(options.data ?? DATA_FILE);
  // Loaded only now, so that other commands start faster.
  const { runServer } = await import("./run-server.ts");
  await runServer({
    options: {
      ...serverEntries(source.config),
      schema: source.schema,
      auth: { secret: secret.secret },
    },
    port: options.port,
    host: options.host,
    dataFile,
    asJson: options.json === true,
    facts: {
      schema: source.file,
      collections: ownCollections(source.schema).map(({ name }) => name),
      secret_file: secret.path,
    },
    announce: (url) => announce(url, source, secret, dataFile),
  });
}

async function findSource(given: string | undefined): Promise<Source> {
  const schemaFile = given ?? findSchemaFile();
  if (schemaFile !== null) return { schema: await loadSchema(schemaFile), file: resolve(schemaFile), config: {} };
  const configFile = findConfigFile();
  if (configFile === null) return { schema: demoSchema, file: null, config: {} };
  const { schema, config } = await loadConfig(configFile);
  return { schema, file: configFile, config };
}

async function announce(url: string, source: Source, secret: DevSecret, dataFile: string | null): Promise<void> {
  const { token } = await signDevToken({
    secret: secret.secret,
    tenant: DEMO_TENANT,
    user: "u1",
    expiresSeconds: EXAMPLE_TOKEN_SECONDS,
  });
  print();
  print(`  ${paint.output("bold", `Tidelock ${version}`)}  ${paint.output("dim", "server for development")}`);
  print();
  printFacts(addressesOf(url, source.config).map(([name, address]) => [name.padEnd(9), paint.output("cyan", address)]));
  print();
  const summary = schemaSummary(source.schema);
  const hint = paint.output("dim", "put your own into tidelock.schema.ts");
  printFacts([
    ...(source.file === null
      ? ([
          ["Schema", `built in: ${summary}`],
          ["", hint],
        ] as const)
      : ([
          ["Schema", shortPath(source.file)],
          ["", paint.output("dim", summary)],
        ] as const)),
    ["Data", dataFile === null ? "in memory, gone with the process" : shortPath(dataFile)],
    ["Secret".padEnd(9), `${shortPath(secret.path)}${secret.made ? paint.output("dim", " made just now") : ""}`],
  ]);
  const example = curlExample(url, token, source.schema);
  if (example !== null) {
    print();
    print(`  ${paint.output("dim", `Try it, as user u1 of tenant ${DEMO_TENANT}:`)}`);
    print();
    print(example);
  }
  if (source.config.inbox !== false) {
    print();
    print(`  ${paint.output("dim", "Decide reviews, as the same user:")}`);
    print();
    print(`${url}/inbox/#token=${token}`);
  }
  print();
  print(`  ${paint.output("dim", "`tidelock tail` shows changes as they happen. Stop with Ctrl+C.")}`);
  print();
}
