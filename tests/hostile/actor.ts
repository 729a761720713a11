/**
 * Somebody with a token and a device of their own, who writes frame by frame what no SDK would.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import type { ResultRow, Welcome } from "@tidelock/core";
import { everythingNow } from "./attack.ts";
import type { Target } from "./target.ts";
import { type Address, type Answer, dial, type RawPeer, request, type RequestOptions, Witness } from "./wire.ts";
import { ANA, FOREIGN, MALLORY, type Person, tokenOf } from "./world.ts";

/** A stamp of long ago; a greater number is later. */
export function stampAt(number: number): string {
  return `${(1e12 + number).toString(16).padStart(12, "0")}0000`;
}

export interface WriteOptions {
  readonly seen?: number;
  readonly stamp?: string;
  readonly remaining?: number;
}

export class Actor {
  readonly peer: RawPeer;
  readonly token: string;
  readonly device: string;
  readonly welcome: Welcome;
  readonly address: Address;
  counter: number;

  private constructor(facts: Pick<Actor, "peer" | "token" | "device" | "welcome" | "address">) {
    this.peer = facts.peer;
    this.token = facts.token;
    this.device = facts.device;
    this.welcome = facts.welcome;
    this.address = facts.address;
    this.counter = facts.welcome.decided;
  }

  /** Whoever is honest may hear what is hidden from Mallory. */
  static async join(
    target: Target,
    person: Person = MALLORY,
    { hears = false, device = target.newDevice() }: { readonly hears?: boolean; readonly device?: string } = {},
  ): Promise<Actor> {
    const token = await tokenOf(person);
    const witness = person.tenant !== ANA.tenant ? new Witness([]) : new Witness([FOREIGN]);
    const address = person === MALLORY ? target : { port: target.port, witness };
    const peer = await dial(address);
    peer.say(target.hello({ token, device, subscriptions: hears ? everythingNow() : [] }));
    const welcome = await peer.next("welcome");
    assert(welcome !== null, `${person.user} was not welcomed`);
    return new Actor({ peer, token, device, welcome, address });
  }

  mutation(
    operation: string,
    collection: string,
    entity: string,
    fields: unknown,
    options: WriteOptions = {},
  ): unknown[] {
    this.counter += 1;
    const { seen = 0, stamp = stampAt(this.counter), remaining = 0 } = options;
    return [this.counter, operation, collection, entity, fields, seen, stamp, remaining];
  }

  async push(mutations: ReadonlyArray<readonly unknown[]>): Promise<readonly ResultRow[]> {
    this.peer.say({ type: "push", mutations });
    return this.peer.decided(mutations.length);
  }

  async write(
    operation: string,
    collection: string,
    entity: string,
    fields: unknown = {},
    options: WriteOptions = {},
  ): Promise<ResultRow> {
    const [row] = await this.push([this.mutation(operation, collection, entity, fields, options)]);
    assert(
      row !== undefined,
      `the session ended over ${operation} of ${collection}: ${JSON.stringify(this.peer.ended)}`,
    );
    return row;
  }

  /** The code of a refused write; its outcome when it was not. */
  async attempt(...write: Parameters<Actor["write"]>): Promise<string> {
    const [, outcome, , detail] = await this.write(...write);
    return detail?.code ?? outcome;
  }

  ask(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    return request(this.address, method, path, { token: this.token, ...options });
  }

  async get<Body = Record<string, unknown>>(path: string): Promise<Body> {
    const answer = await this.ask("GET", path);
    assert.equal(answer.status, 200, answer.body.slice(0, 300));
    return JSON.parse(answer.body) as Body;
  }

  leave(): void {
    this.peer.leave();
  }
}

/** The bytes that the disk has of an entity: its row, and what is kept beside it. */
export function storedBytes(target: Target, id: string): { readonly row: number; readonly meta: number } {
  return onDisk(target, (database) => {
    const [found] = database
      .prepare("SELECT length(coalesce(row, '')) AS row, length(meta) AS meta FROM entities WHERE id = ?")
      .all(id);
    assert(found !== undefined, `there is no ${id} on the disk`);
    return { row: Number(found["row"]), meta: Number(found["meta"]) };
  });
}

/** The bytes of everything that the log and the record of decisions have. */
export function loggedBytes(target: Target): { readonly events: number; readonly decisions: number } {
  return onDisk(target, (database) => {
    const sum = (column: string, table: string): number =>
      Number(database.prepare(`SELECT coalesce(sum(length(${column})), 0) AS sum FROM ${table}`).get()?.["sum"]);
    return { events: sum("body", "events"), decisions: sum("body", "decisions") };
  });
}

function onDisk<Result>(target: Target, read: (database: DatabaseSync) => Result): Result {
  const database = new DatabaseSync(join(target.folder, "data.db"), { readOnly: true });
  try {
    return read(database);
  } finally {
    database.close();
  }
}
