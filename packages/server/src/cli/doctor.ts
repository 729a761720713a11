/** `tidelock doctor`: looks at everything that a server needs, and says what to do about what it finds. */
import type { Command } from "commander";
import { localServerUrl, parseServerUrl } from "./command-options.ts";
import { DEMO_TENANT } from "./demo-schema.ts";
import { type Check } from "./doctor/check.ts";
import { checkData, chooseDataFile } from "./doctor/data-checks.ts";
import { checkSpace, checkSync, dataFolder } from "./doctor/disk-checks.ts";
import { checkDevSecret, checkNode, checkSqlite } from "./doctor/machine-checks.ts";
import { checkServer } from "./doctor/server-checks.ts";
import { EXIT_CODES } from "./failure.ts";
import { helpText } from "./help-text.ts";
import { outputColumns, paint, print, printJson, wrap } from "./output.ts";
import { type TokenSource, tokenSource } from "./server-access.ts";

interface DoctorOptions {
  readonly url?: string;
  readonly data?: string;
  readonly token?: string;
  readonly json?: true;
}

const LABEL_WIDTH = 10;
const MARKS = {
  ok: { sign: "✔", style: "green" },
  warn: { sign: "!", style: "yellow" },
  fail: { sign: "✖", style: "red" },
} as const;

export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("check the machine, the data file and the server")
    .option(
      "--url <address>",
      "the server that must be there (default: http://localhost:4400, if one is)",
      parseServerUrl,
    )
    .option("--data <file>", "the data file that must be there (default: .tidelock/dev.db, if it is)")
    .option("--token <token>", "the token to try (default: TIDELOCK_TOKEN, or one signed with .tidelock/dev-secret)")
    .option("--json", "print JSON")
    .addHelpText("after", () =>
      helpText(
        [
          "tidelock doctor",
          'tidelock doctor --url https://sync.example.com --token "$TOKEN"',
          "tidelock doctor --data /var/lib/tidelock/data.db --json",
        ],
        "Nothing is changed; a small file is written beside the data to measure the disk, and removed.",
        "The exit code is 1 when a check failed; warnings do not count.",
      ),
    )
    .action(examine);
}

async function examine(options: DoctorOptions): Promise<void> {
  const asJson = options.json === true;
  const checks: Check[] = [];
  for await (const check of allChecks(options)) {
    checks.push(check);
    if (!asJson) printCheck(check);
  }
  const failed = checks.filter(({ status }) => status === "fail").length;
  const warned = checks.filter(({ status }) => status === "warn").length;
  if (asJson) {
    printJson({
      ok: failed === 0,
      checks: checks.map(({ name, status, detail, next }) => ({ name, status, detail, next })),
    });
  } else printSummary(checks.length - failed - warned, warned, failed);
  if (failed > 0) process.exitCode = EXIT_CODES.failure;
}

async function* allChecks({ url, data, token }: DoctorOptions): AsyncGenerator<Check> {
  yield checkNode();
  yield checkSqlite();
  yield checkDevSecret();
  const path = chooseDataFile(data);
  yield* checkData(path, data !== undefined);
  const folder = dataFolder(path);
  yield checkSpace(folder);
  yield checkSync(folder);
  yield* checkServer({ url: url ?? localServerUrl(), demanded: url !== undefined, token: tokenToTry(token) });
}

/** What is wrong with the secret has been said by then. */
function tokenToTry(given: string | undefined): TokenSource | null {
  try {
    return tokenSource(given, DEMO_TENANT, "doctor");
  } catch {
    return null;
  }
}

function printCheck({ label, status, detail, next }: Check): void {
  const { sign, style } = MARKS[status];
  const margin = `    ${" ".repeat(LABEL_WIDTH)}  `;
  const width = Math.max(30, outputColumns() - margin.length);
  print(`  ${paint.output(style, sign)} ${label.padEnd(LABEL_WIDTH)}  ${wrap(detail, width).join(`\n${margin}`)}`);
  if (next === null) return;
  const lines = wrap(next, width - 2).join(`\n${margin}  `);
  print(`${margin}${paint.output("cyan", "→")} ${lines}`);
}

function printSummary(passed: number, warned: number, failed: number): void {
  const parts = [
    `${passed} ok`,
    ...(warned === 0 ? [] : [paint.output("yellow", `${warned} ${warned === 1 ? "warning" : "warnings"}`)]),
    ...(failed === 0 ? [] : [paint.output("red", `${failed} failed`)]),
  ];
  print(`\n  ${parts.join(", ")}`);
}
