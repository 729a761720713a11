/** `tidelock tail`: a tenant's changes as they happen, from a running server or from a data file. */
import { randomBytes } from "node:crypto";
import { type Command, InvalidArgumentError } from "commander";
import { gather, localServerUrl, parseServerUrl } from "./command-options.ts";
import { DEMO_TENANT } from "./demo-schema.ts";
import { UsageError } from "./failure.ts";
import { helpText } from "./help-text.ts";
import { note } from "./output.ts";
import { tokenSource } from "./server-access.ts";
import { tailFile } from "./tail/file-tail.ts";
import { checkedCheckpoint, ServerTail } from "./tail/server-tail.ts";

interface TailOptions {
  readonly tenant?: string;
  readonly user: string;
  readonly url?: string;
  readonly token?: string;
  readonly data?: string;
  readonly collection?: readonly string[];
  readonly from?: string;
  readonly last: number;
  readonly state?: true;
  readonly once?: true;
  readonly json?: true;
}

export function addTailCommand(program: Command): void {
  program
    .command("tail")
    .description("follow a tenant's changes as they happen")
    .option("--tenant <id>", `the tenant (default: "${DEMO_TENANT}", or the only one of the data file)`)
    .option("--user <id>", "the user to sign a token for", "tail")
    .option("--url <address>", "the server (default: http://localhost:4400)", parseServerUrl)
    .option("--token <token>", "the token to use")
    .option("--data <file>", "read this data file instead of asking a server")
    .option("--collection <name>", "only this collection; may be given several times", gather)
    .option("--from <checkpoint>", "go on after this checkpoint; with --data also after an offset")
    .option("--last <count>", "begin with the last so many events", parseCount, 10)
    .option("--state", "begin with everything that there is")
    .option("--once", "with --data: end with the log instead of waiting for more")
    .option("--json", "write JSON lines")
    .addHelpText("after", () =>
      helpText(
        [
          "tidelock tail --tenant demo",
          "tidelock tail --tenant demo --collection tasks --state",
          'tidelock tail --url https://sync.example.com --token "$TOKEN" --json',
          "tidelock tail --data .tidelock/dev.db --from 0 --once",
        ],
        "A running server is followed with the token of --token, of TIDELOCK_TOKEN, or one signed with .tidelock/dev-secret; after a break it goes on where it was.",
        "With --data the log is read from the file itself, beside a running server or without one, which also shows authors, values before, and conflicts.",
      ),
    )
    .action(tail);
}

async function tail(options: TailOptions): Promise<void> {
  assertTogether(options);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  if (options.data === undefined) await followServer(options, stop.signal);
  else {
    await tailFile({
      path: options.data,
      tenant: options.tenant ?? null,
      collections: options.collection ?? [],
      from: options.from ?? null,
      last: options.last,
      once: options.once === true,
      asJson: options.json === true,
      signal: stop.signal,
    });
  }
}

async function followServer(options: TailOptions, signal: AbortSignal): Promise<void> {
  const given = options.token ?? process.env["TIDELOCK_TOKEN"] ?? "";
  const follower = new ServerTail({
    url: options.url ?? localServerUrl(),
    token: tokenSource(options.token, options.tenant ?? DEMO_TENANT, options.user),
    renewsToken: given === "",
    device: `tail-${randomBytes(6).toString("hex")}`,
    collections: options.collection ?? [],
    from: options.state === true ? "state" : options.from === undefined ? null : checkedCheckpoint(options.from),
    last: options.last,
    asJson: options.json === true,
    signal,
  });
  await follower.follow();
  if (follower.checkpoint !== null) note(`go on from here with --from ${follower.checkpoint}`, options.json === true);
}

function assertTogether({ data, url, token, state, once, from }: TailOptions): void {
  const clash = (one: string, other: string): never => {
    throw new UsageError(`${one} and ${other} exclude each other`, "Leave one of them out.");
  };
  if (data !== undefined && url !== undefined) clash("--data", "--url");
  if (data !== undefined && token !== undefined) clash("--data", "--token");
  if (data !== undefined && state === true) clash("--data", "--state");
  if (state === true && from !== undefined) clash("--state", "--from");
  if (data === undefined && once === true)
    throw new UsageError("--once needs --data", "Name a data file, or leave --once out.");
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Use a whole number from 0.");
  return Number(text);
}
