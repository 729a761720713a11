/**
 * P8. A new device, in a new process, gets 100,000 entities: until all of them can be read through the SDK; against a new
 * process that downloads and parses them over plain HTTP, in turn, in the same run. The first start of a server includes
 * reading the snapshot from its disk; later ones use the prepared bytes.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { median } from "../measure.ts";
import { start, withServer } from "../process.ts";
import { seed } from "./durable.ts";

export interface ColdStartResult {
  readonly downloadMs: number;
  readonly firstMs: number;
  readonly nextMs: number;
  /** Server CPU of a start with prepared bytes, milliseconds. */
  readonly serverCpuMs: number;
}

export function coldStart(entities: number, rounds: number): Promise<ColdStartResult> {
  return withServer(async (server) => {
    const download = await start("limits/download.ts", [String(entities)]);
    await seed(server.url, entities);
    const device = (round: number): Promise<number> =>
      timeOf("cold/device.ts", [server.url, String(entities), `device-${round}`]);
    const firstMs = await device(0);
    const downloads: number[] = [];
    const starts: number[] = [];
    let cpu = 0;
    for (let round = 1; round <= rounds; round++) {
      downloads.push(await timeOf("cold/download.ts", [download.url, String(entities)]));
      const before = await server.usage();
      starts.push(await device(round));
      const after = await server.usage();
      cpu += after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system;
    }
    await download.stop();
    return { downloadMs: median(downloads), firstMs, nextMs: median(starts), serverCpuMs: cpu / 1000 / rounds };
  });
}

/** Runs a program of this folder's and reads the number that it prints. */
async function timeOf(program: string, args: readonly string[]): Promise<number> {
  const path = join(import.meta.dirname, "..", program);
  const child = spawn(process.execPath, ["--conditions=@tidelock/source", path, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const output = await text(child.stdout);
  await exited;
  return Number(output);
}
