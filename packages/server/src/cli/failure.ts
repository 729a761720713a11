/**
 * Failures as people and scripts read them: `error <code>: …` and `fix: …` on standard error, or the same as one JSON
 * object. Exit codes: 0 all went well, 1 it failed, 2 the command was not understood.
 */
import { type ErrorCode, ERRORS, isErrorCode, TidelockError } from "@tidelock/core";
import { CommanderError } from "commander";
import { paint } from "./output.ts";

export const EXIT_CODES = { ok: 0, failure: 1, usage: 2 } as const;

/** The command line cannot mean anything. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(message);
    this.fix = fix;
  }
}

/** A coded error whose next step is better known here than in the catalogue. */
export class AdvisedError extends TidelockError {
  readonly #advice: string;

  constructor(code: ErrorCode, detail: string, advice: string, options?: ErrorOptions) {
    super(code, detail, options);
    this.#advice = advice;
  }

  override get fix(): string {
    return this.#advice;
  }
}

/** What is said of a failure; the members of its JSON form. */
export interface Failure {
  /** A code of the catalogue, or `usage`. */
  readonly code: ErrorCode | "usage";
  readonly message: string;
  readonly fix: string;
  readonly retryable: boolean;
}

/** Any error in words: nothing of its properties, and never where in the code it came from. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof UsageError) return { code: "usage", message: error.message, fix: error.fix, retryable: false };
  if (isCoded(error)) {
    const entry = ERRORS[error.code];
    const message = error.detail || entry.message;
    return { code: error.code, message, fix: error.fix || entry.fix, retryable: entry.retryable };
  }
  return { code: "internal", message: words(error), fix: debugAdvice(), retryable: false };
}

/** Tells it, and returns the exit code. */
export function reportFailure(error: unknown, asJson: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT_CODES.ok;
  const failure = describeFailure(error);
  if (asJson) process.stderr.write(`${JSON.stringify({ error: failure })}\n`);
  else {
    const label = paint.error("red", `error ${failure.code}:`);
    process.stderr.write(`${label} ${failure.message}\n${paint.error("cyan", "fix:")} ${failure.fix}\n`);
  }
  if (process.env["TIDELOCK_DEBUG"] !== undefined && error instanceof Error) {
    process.stderr.write(`${paint.error("dim", error.stack ?? "")}\n`);
  }
  return failure.code === "usage" ? EXIT_CODES.usage : EXIT_CODES.failure;
}

/** By shape and not by class: a schema of the user's project may have a copy of the core of its own. */
function isCoded(error: unknown): error is TidelockError {
  return (
    error instanceof Error &&
    error.name === "TidelockError" &&
    "code" in error &&
    isErrorCode(error.code) &&
    "detail" in error
  );
}

/** The message of anything that was thrown. */
export function words(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === "" ? error.name : error.message;
}

function debugAdvice(): string {
  return "Run the same command with TIDELOCK_DEBUG=1, which prints where it failed, and report it.";
}
