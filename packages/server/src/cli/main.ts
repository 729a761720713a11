#!/usr/bin/env node
/** The start of the command line. What stays true: nobody ever sees a stack trace that they did not ask for. */
import { EXIT_CODES, reportFailure } from "./failure.ts";
import { runProgram } from "./program.ts";

const arguments_ = process.argv.slice(2);
const asJson = arguments_.includes("--json");

function end(error: unknown): never {
  process.exit(reportFailure(error, asJson));
}

process.on("uncaughtException", end);
process.on("unhandledRejection", end);
// Whoever reads the output has enough, as `head` does.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? EXIT_CODES.ok : 1));
}
// Node's own warnings are about how Node is used, which is no business of who types a command.
process.removeAllListeners("warning");
process.on("warning", (warning) => {
  if (process.env["TIDELOCK_DEBUG"] !== undefined) process.stderr.write(`${warning.stack ?? warning.message}\n`);
});

try {
  process.exitCode = await runProgram(arguments_);
} catch (error) {
  process.exitCode = reportFailure(error, asJson);
}
