/**
 * A server under attack, and the honest people who use it meanwhile. After an attack, `assertWell` looks whether they
 * noticed anything: their data is what they wrote, a new device gets all of it, and new writes still arrive.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Client, createClient } from "@tidelock/client";
import type { ServerLimits } from "@tidelock/core";
import { type Address, dial, type DialOptions, type RawPeer, request, within, Witness } from "./wire.ts";
import { ANA, FOREIGN, HIDDEN, MALLORY, OLGA, type Person, schema, tokenOf } from "./world.ts";

/** Someone honest: a device that stays, and what it has written. */
interface Resident {
  readonly person: Person;
  readonly token: string;
  readonly tag: string;
  readonly client: Client<typeof schema>;
  readonly written: Map<string, string>;
}

export class Target implements Address {
  readonly witness = new Witness([FOREIGN, HIDDEN]);
  readonly url: string;
  readonly port: number;
  /** Mallory's token. */
  readonly token: string;
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #errors: string[];
  readonly #residents: Resident[] = [];
  readonly #limits: Partial<ServerLimits>;
  #devices = 0;

  private constructor(facts: {
    readonly url: string;
    readonly token: string;
    readonly folder: string;
    readonly child: ChildProcess;
    readonly errors: string[];
    readonly limits: Partial<ServerLimits>;
  }) {
    this.url = facts.url;
    this.port = Number(new URL(facts.url).port);
    this.token = facts.token;
    this.folder = facts.folder;
    this.#child = facts.child;
    this.#errors = facts.errors;
    this.#limits = facts.limits;
  }

  static async start(limits: Partial<ServerLimits> = {}): Promise<Target> {
    const folder = mkdtempSync(join(tmpdir(), "tidelock-hostile-"));
    const target = await Target.#spawn(folder, limits);
    await target.#settle(ANA, HIDDEN);
    await target.#settle(OLGA, FOREIGN);
    return target;
  }

  static async #spawn(folder: string, limits: Partial<ServerLimits>): Promise<Target> {
    const program = join(import.meta.dirname, "server.ts");
    const child = spawn(
      process.execPath,
      ["--conditions=@tidelock/source", program, join(folder, "data.db"), JSON.stringify(limits)],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const errors: string[] = [];
    child.stderr.on("data", (bytes: Buffer) => errors.push(bytes.toString()));
    const lines = createInterface({ input: child.stdout });
    const listening = new Promise<string>((resolve, reject) => {
      lines.on("line", (line) => {
        if (line.startsWith("listening ")) resolve(line.slice("listening ".length));
        // Rules and a mutator are broken on purpose.
        else if (!/(?:rule|mutator) failed/.test(line)) errors.push(line);
      });
      child.once("exit", () => reject(new Error(`the server ended: ${errors.join("\n")}`)));
    });
    const url = await within(listening, "the server did not start");
    return new Target({ url, token: await tokenOf(MALLORY), folder, child, errors, limits });
  }

  async #settle(person: Person, tag: string): Promise<void> {
    const token = await tokenOf(person);
    const client = createClient({ url: this.url, schema, auth: token });
    await client.opened;
    const resident: Resident = { person, token, tag, client, written: new Map() };
    this.#residents.push(resident);
    client.presence.join("board", { name: person === OLGA ? tag : person.user });
    // Kept by the device, so that it hears what others do.
    client.secrets.query().subscribe(() => {});
    client.letters.create({
      id: `letter-to-${person.user.slice(0, 4)}`,
      to: person.user,
      text: `${tag} for your eyes`,
    });
    const first = client.tasks.create({
      id: `task-of-${person.user.slice(0, 4)}`,
      title: person === OLGA ? tag : "for everybody",
    });
    await within(first.synced, `${person.user} could not write`);
  }

  /** A WebSocket of Mallory's that has said a hello. */
  async join(changes: Readonly<Record<string, unknown>> = {}, options: DialOptions = {}): Promise<RawPeer> {
    const peer = await dial(this, options);
    peer.say(this.hello(changes));
    assert.notEqual(await peer.next("welcome"), null, "Mallory was not welcomed");
    return peer;
  }

  hello(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
    return {
      type: "hello",
      protocol: [1, 1],
      schema: { version: schema.version, hash: "" },
      sdk: "hostile",
      device: this.newDevice(),
      token: this.token,
      epoch: null,
      checkpoint: 0,
      decided: 0,
      subscriptions: [],
      ...changes,
    };
  }

  /** A device that nobody has used. */
  newDevice(): string {
    this.#devices += 1;
    return `mallory-${this.#devices}`;
  }

  /** The server is up and unharmed, nothing leaked, and the honest go on as if nothing had happened. */
  async assertWell(): Promise<void> {
    this.witness.assertClean();
    assert.deepEqual(this.#errors.splice(0).slice(0, 3), [], "the server logged errors of its own");
    assert.equal(this.#child.exitCode, null, "the server has ended");
    const ready = await request(this, "GET", "/readyz");
    assert.equal(ready.status, 200, ready.body);
    for (const resident of this.#residents) {
      const { client, written, tag, person } = resident;
      const id = `${person.user.slice(0, 4)}-${written.size}`;
      const text = `${tag} ${written.size}`;
      const write = client.secrets.create({ id, owner: person.user, text });
      const { outcome } = await within(write.synced, `a write of ${person.user} did not arrive`);
      assert.equal(outcome, "applied");
      written.set(id, text);
      await this.#assertComplete(resident);
    }
  }

  /** A device that starts from nothing gets everything that was written, and nothing else. */
  async #assertComplete({ token, written, tag, person }: Resident): Promise<void> {
    const client = createClient({ url: this.url, schema, auth: token });
    const found = await within(client.secrets.query().whenComplete(), `a new device of ${person.user} got no snapshot`);
    const held = new Map(found.map((entity) => [entity.id, entity.text]));
    assert.deepEqual(held, written, `what ${tag === FOREIGN ? "Olga" : "Ana"} wrote is not what is there`);
    await client.close();
  }

  /** The same data in a new process; the residents come back by themselves only when the port is the same, so anew. */
  async restart(): Promise<Target> {
    for (const { client } of this.#residents) await client.close();
    await this.#stop("SIGKILL");
    const again = await Target.#spawn(this.folder, this.#limits);
    for (const { person, token, tag, written } of this.#residents) {
      const client = createClient({ url: again.url, schema, auth: token });
      await client.opened;
      again.#residents.push({ person, token, tag, client, written });
    }
    return again;
  }

  async close(): Promise<void> {
    for (const { client } of this.#residents) await client.close();
    const code = await this.#stop("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
    assert.equal(code, 0, "the server did not close in good order");
  }

  async #stop(signal: "SIGTERM" | "SIGKILL"): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const gone = once(this.#child, "exit");
    this.#child.kill(signal);
    const [code] = (await within(gone, "the server did not end")) as [number | null];
    return code;
  }
}
