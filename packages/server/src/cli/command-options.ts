/** The readers of option values that several commands share. Each throws what commander reports as a usage error. */
import { InvalidArgumentError } from "commander";
import { UsageError } from "./failure.ts";

/** Where the development server listens, and where the other commands look for a server. */
export const DEV_PORT = 4400;

export function parsePort(text: string): number {
  if (!isPort(text)) throw new InvalidArgumentError("Use a whole number from 0 to 65535.");
  return Number(text);
}

/** The port that the environment names, as hosting services do. */
export function portFromEnvironment(): number | undefined {
  const given = process.env["PORT"];
  if (given === undefined || given === "") return undefined;
  if (!isPort(given)) throw new UsageError(`PORT is ${JSON.stringify(given)}`, "Use a whole number from 0 to 65535.");
  return Number(given);
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

/** The base address of a server, without a slash at the end. `ws:` is read as `http:`. */
export function parseServerUrl(text: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url === null || !/^(https?|wss?):$/.test(url.protocol)) {
    throw new InvalidArgumentError("Use an address like http://localhost:4400.");
  }
  const path = url.pathname.replace(/\/+$/, "").replace(/\/sync$/, "");
  return `${url.protocol.replace(/^ws/, "http")}//${url.host}${path}`;
}

/** Where the local server is expected: PORT counts as it does for the server. */
export function localServerUrl(): string {
  return `http://localhost:${portFromEnvironment() ?? DEV_PORT}`;
}

/** Gathers an option that may be given several times. */
export function gather(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
