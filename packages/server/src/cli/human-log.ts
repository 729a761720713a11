/** The server's log for a person at a terminal: what needs attention, one line each, on standard error. */
import type { Logger } from "../observe/log.ts";
import { paint, timeOfDay, visible } from "./output.ts";

export function humanLogger(): Logger {
  return { debug: () => {}, info: () => {}, warn: writer("warn", "yellow"), error: writer("error", "red") };
}

function writer(level: string, style: "yellow" | "red"): Logger["warn"] {
  return (facts, message) => {
    const { error, ...rest } = facts as { readonly error?: unknown; readonly stack?: unknown };
    const details = Object.entries({ ...rest, ...(error === undefined ? {} : { error }) })
      .filter(([name]) => name !== "stack")
      .map(([name, value]) => `${name}=${typeof value === "string" ? visible(value) : JSON.stringify(value)}`);
    const time = paint.error("dim", timeOfDay(new Date()));
    const line = [time, paint.error(style, level.padEnd(5)), message, paint.error("dim", details.join(" "))];
    process.stderr.write(`${line.join("  ").trimEnd()}\n`);
  };
}
