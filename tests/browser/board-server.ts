/** The real `npm start` as a process of its own, on data of its own: started, asked, killed, started again at the same address. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";

const root = join(import.meta.dirname, "../..");

export interface ServerTask {
  readonly id: string;
  readonly [field: string]: unknown;
}

export class BoardServer {
  readonly port: number;
  readonly #folder: string;
  #child: ChildProcess | null = null;
  #readers = 0;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  /** Starts on a free port and an empty folder. */
  static async start(): Promise<BoardServer> {
    const server = new BoardServer(await freePort(), mkdtempSync(join(tmpdir(), "tidelock-board-")));
    await server.start();
    return server;
  }

  get url(): string {
    return `http://localhost:${this.port}/`;
  }

  /** Starts again on the same port and data. Resolves when it says that it runs. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, ["--conditions=@tidelock/source", join(root, "scripts/start.ts")], {
      cwd: root,
      env: { ...process.env, PORT: String(this.port), TIDELOCK_DATA: join(this.#folder, "demo.db") },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const said: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      said.push(stripVTControlCharacters(line));
      if (!said.at(-1)?.includes("Ctrl+C")) continue;
      child.stdout.resume();
      child.stderr.resume();
      return;
    }
    throw new Error(`the server ended at once:\n${said.join("\n")}\n${await textOf(child)}`);
  }

  /** SIGKILL: no time for anything. */
  kill(): Promise<number | null> {
    return this.#end("SIGKILL");
  }

  /** SIGTERM; the process's exit code. */
  stop(): Promise<number | null> {
    return this.#end("SIGTERM");
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  /** All tasks, as a device sees them that has never been here. */
  async tasks(): Promise<ServerTask[]> {
    const token = await this.#token();
    const device_id = `reader-${++this.#readers}-${process.pid}`;
    const tasks: ServerTask[] = [];
    for (let last_ack_version: string | null = null; ;) {
      const response = await fetch(`${this.url}sync/reconcile`, {
        method: "POST",
        headers: { "authorization": `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ device_id, last_ack_version, mutations: [] }),
      });
      const answer = (await response.json()) as ReconcileAnswer;
      for (const { collection, entity_id, deleted, fields } of answer.state) {
        if (collection === "tasks" && !deleted) tasks.push({ ...fields, id: entity_id });
      }
      last_ack_version = answer.checkpoint;
      if (!answer.has_more) return tasks;
    }
  }

  async #token(): Promise<string> {
    const response = await fetch(`${this.url}demo/session`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "Reader", user: "reader" }),
    });
    return ((await response.json()) as { token: string }).token;
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return child?.exitCode ?? null;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    return child.exitCode;
  }
}

interface ReconcileAnswer {
  readonly state: ReadonlyArray<{
    readonly collection: string;
    readonly entity_id: string;
    readonly deleted: boolean;
    readonly fields: Readonly<Record<string, unknown>> | null;
  }>;
  readonly checkpoint: string;
  readonly has_more: boolean;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("there is no free port");
  return address.port;
}

async function textOf(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const bytes of child.stderr ?? []) text += String(bytes);
  return text;
}
