/**
 * A real Chromium for tests: a page that bundles one TypeScript file, a profile that outlives the browser, and a way to
 * kill it. Pages are served from one loopback address, so that a browser started later finds the same origin.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium, type Page } from "playwright-core";
import { rolldown } from "rolldown";
import { findChromium } from "../../scripts/setup-system.ts";

export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

export interface RunningBrowser {
  /** A new tab that has run the page's script. */
  openPage(): Promise<Page>;
  /** SIGKILL to every process of the browser. */
  kill(): Promise<void>;
}

/** Bundles `entry` as a browser would get it, and serves a page that runs it. */
export async function servePage(entry: string): Promise<PageServer> {
  const bundle = await rolldown({
    input: entry,
    platform: "browser",
    // What only Node has must not be left after unused code is dropped; if it is, the page fails to load.
    external: /^node:/,
    resolve: { conditionNames: ["@tidelock/source", "browser", "import", "default"] },
  });
  const { output } = await bundle.generate({ format: "esm", codeSplitting: false });
  await bundle.close();
  const script = output[0].code;
  const server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript ? script : '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>',
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A folder for a profile, and how to remove it. */
export function makeProfile(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "tidelock-profile-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }) };
}

const FLAGS = [
  ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
  ["--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0"],
].flat();

/** Starts a browser on a profile. Its processes form a group of their own, so that they can be killed together. */
export async function startBrowser(profile: string, url: string): Promise<RunningBrowser> {
  const program = findChromium();
  if (program === undefined) throw new Error("there is no Chromium: run `node scripts/setup-system.ts`");
  const child = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const ended = once(child, "close");
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      process.kill(-child.pid, "SIGKILL");
    await ended;
  };
  try {
    const browser = await chromium.connectOverCDP(await debuggerAddress(child));
    const [context] = browser.contexts();
    if (context === undefined) throw new Error("the browser has no context");
    const openPage = async (): Promise<Page> => {
      const page = await context.newPage();
      await page.goto(url);
      return page;
    };
    return { openPage, kill };
  } catch (error) {
    await kill();
    throw error;
  }
}

async function debuggerAddress(child: ChildProcess): Promise<string> {
  if (child.stderr === null) throw new Error("the browser has no error output");
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    const [, address] = /^DevTools listening on (\S+)/.exec(line) ?? [];
    if (address !== undefined) {
      child.stderr.resume();
      return address;
    }
    said.push(line);
  }
  throw new Error(`the browser ended at once:\n${said.join("\n")}`);
}
