/**
 * The log: structured lines through pino. What stays true: no token, no payload and no row ever reaches a log line; facts
 * are ids, counts, codes and reasons. It does not know where the lines go: that is the operator's pipe.
 */
import { type DestinationStream, pino } from "pino";

/** The part of a logger that the server uses; every pino logger has it, and so does a few lines of one's own. */
export interface Logger {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** Members that are cut out of every line, should one ever get there by mistake. */
const SECRETS = ["token", "authorization", "secret", "cookie"];

/** A logger that writes JSON lines to standard output, or to `destination`. */
export function createLogger(
  options: { readonly level?: string; readonly destination?: DestinationStream } = {},
): Logger {
  const settings = {
    level: options.level ?? "info",
    base: null,
    redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: "[removed]" },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}

/** A logger that says nothing. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {}

/** What a log line may say of something thrown: its name, its message and where, never its properties. */
export function errorFacts(error: unknown): { readonly error: string; readonly stack?: string } {
  if (!(error instanceof Error)) return { error: String(error) };
  return { error: `${error.name}: ${error.message}`, ...(error.stack === undefined ? {} : { stack: error.stack }) };
}
