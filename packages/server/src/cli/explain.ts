/** `tidelock explain`: what an error code means and what to do about it, from the catalogue. */
import { type ErrorCode, ERRORS, type ErrorEntry, isErrorCode } from "@tidelock/core";
import type { Command } from "commander";
import { UsageError } from "./failure.ts";
import { helpText } from "./help-text.ts";
import { outputColumns, paint, print, printFacts, printJson, wrap } from "./output.ts";
import { didYouMean } from "./similar.ts";

interface ExplainOptions {
  readonly list?: true;
  readonly json?: true;
}

const CODES = Object.keys(ERRORS).filter(isErrorCode);

export function addExplainCommand(program: Command): void {
  program
    .command("explain")
    .description("say what an error code means and what to do about it")
    .argument("[code]", "the code, as in `error <code>: …` or in `error.code` of an answer")
    .option("--list", "list all codes")
    .option("--json", "print JSON")
    .addHelpText("after", () =>
      helpText(["tidelock explain token-expired", "tidelock explain --list", "tidelock explain --list --json"]),
    )
    .action(explain);
}

function explain(given: string | undefined, options: ExplainOptions): void {
  const asJson = options.json === true;
  if (options.list === true) return asJson ? printJson({ codes: CODES.map(entryOf) }) : printList();
  if (given === undefined) throw new UsageError("explain needs a code", "`tidelock explain --list` lists all of them.");
  const code = given
    .trim()
    .toLowerCase()
    .replaceAll(/[_\s]+/g, "-");
  if (!isErrorCode(code)) {
    const fix = [didYouMean(code, CODES), "`tidelock explain --list` lists all codes."].filter((part) => part !== "");
    throw new UsageError(`there is no code ${JSON.stringify(given)}`, fix.join(" "));
  }
  if (asJson) printJson(entryOf(code));
  else printEntry(code);
}

function entryOf(code: ErrorCode): ErrorEntry & { readonly code: ErrorCode } {
  const { http, retryable, message, fix } = ERRORS[code];
  return { code, http, retryable, message, fix };
}

function printEntry(code: ErrorCode): void {
  const { http, retryable, message, fix } = ERRORS[code];
  print(paint.output("bold", code));
  printFacts([
    ["means", message],
    ["fix", fix],
    ["retry", retryable ? "the same request may succeed later" : "not before something is changed"],
    ["HTTP", String(http)],
  ]);
}

function printList(): void {
  const width = Math.max(...CODES.map((code) => code.length));
  const indent = " ".repeat(width + "  HTTP  retry  ".length);
  print(paint.output("dim", `${"code".padEnd(width)}  HTTP  retry  meaning`));
  for (const code of CODES) {
    const { http, retryable, message } = ERRORS[code];
    const lines = wrap(message, Math.max(20, outputColumns() - indent.length));
    const facts = `${code.padEnd(width)}  ${http}   ${retryable ? "yes  " : "no   "}`;
    print(`${paint.output("bold", facts.slice(0, width))}${facts.slice(width)}  ${lines.join(`\n${indent}`)}`);
  }
}
