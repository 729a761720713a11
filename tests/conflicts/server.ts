/**
 * The real hub as the tests of conflicts see it: who pushed what and when, and the turns that it made of that. Everything
 * that came in at its door is kept, so that the same history can be given to another hub.
 */
import {
  type DomainEvent,
  type Hello,
  type Millis,
  type MutationRow,
  type Offset,
  type Random,
  type ServerMessage,
} from "@tidelock/core";
import type { EngineBounds, Principal, Receipt } from "@tidelock/server/engine";
import { HubRig } from "../engine/hub-rig.ts";
import { session, user } from "../engine/names.ts";
import { rules, schema } from "./schema.ts";
import { SERVER_DEVICE } from "./model.ts";

/** Whose device it is, and as whom they write. */
export interface Person {
  readonly device: string;
  readonly user: string;
  readonly role: string | null;
}

/** What came in at the door. */
export type Entry =
  | { readonly kind: "push"; readonly person: Person; readonly rows: readonly MutationRow[]; readonly now: Millis }
  | { readonly kind: "sweep"; readonly now: Millis };

/** One transaction, as the hub decided it. */
export interface Turn {
  readonly person: Person;
  readonly now: Millis;
  readonly rows: readonly MutationRow[];
  readonly receipts: readonly Receipt[];
  readonly events: readonly DomainEvent[];
  /** The log's head after it. */
  readonly head: Offset;
}

interface Pushed {
  readonly row: MutationRow;
  readonly now: Millis;
}

const SERVER: Person = { device: SERVER_DEVICE, user: "tidelock", role: null };

export class Server {
  readonly rig: HubRig;
  readonly entries: Entry[] = [];
  readonly turns: Turn[] = [];
  readonly #people = new Map<string, Person>();
  readonly #pushed = new Map<string, Pushed>();
  readonly #accepted = new Map<string, number>();
  #read = 0;
  #head = 0;

  constructor(bounds: Partial<EngineBounds> = {}) {
    this.rig = new HubRig({ schema, rules, bounds });
    // The hub reads what is due, once; it decides with the sweeps after that.
    this.rig.fire("sweep");
  }

  get now(): Millis {
    return this.rig.now;
  }
  set now(now: Millis) {
    this.rig.now = now;
  }
  /** What is on disk. */
  get head(): Offset {
    return this.rig.hub.head;
  }

  /** The last turn of which everything was in the log at an offset. */
  turnAt(offset: Offset): number {
    let [low, high] = [0, this.turns.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.turns[middle - 1]?.head ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  headOf(turn: number): Offset {
    return this.turns[turn - 1]?.head ?? 0;
  }

  /** A session of a device; `hello` as a replica says it, or that of somebody who only writes. */
  open(name: string, person: Person, hello?: Hello): void {
    const claims: Principal["claims"] = person.role === null ? {} : { role: person.role };
    const principal: Principal = { user: user(person.user), claims, expires: null };
    this.#people.set(name, person);
    if (hello === undefined) this.rig.open(name, {}, principal);
    else this.rig.input({ type: "session-opened", session: session(name), principal, hello });
  }

  close(name: string): void {
    this.rig.input({ type: "session-closed", session: session(name) });
  }

  isOpen(name: string): boolean {
    return !this.rig.closed.has(name) && this.rig.messages(name).some(({ type }) => type === "welcome");
  }

  /** What was sent to a session since it was asked last. */
  taken = new Map<string, number>();
  sentTo(name: string): readonly ServerMessage[] {
    const all = this.rig.messages(name);
    const from = this.taken.get(name) ?? 0;
    this.taken.set(name, all.length);
    return all.slice(from);
  }

  push(name: string, rows: readonly MutationRow[]): void {
    const person = this.#people.get(name);
    if (person === undefined || rows.length === 0) throw new Error(`nobody is called ${name}`);
    const fresh = rows.filter(([counter]) => counter > (this.#accepted.get(person.device) ?? 0));
    for (const row of fresh) this.#pushed.set(`${person.device}:${row[0]}`, { row, now: this.now });
    const last = rows.at(-1)?.[0] ?? 0;
    this.#accepted.set(person.device, Math.max(last, this.#accepted.get(person.device) ?? 0));
    if (fresh.length > 0) this.entries.push({ kind: "push", person, rows: fresh, now: this.now });
    this.rig.push(name, ...rows);
    this.#readAppends();
  }

  /** Time to look for what is due. What is not on disk yet is not seen, which would make a difference to another hub. */
  sweep(): void {
    this.release();
    this.entries.push({ kind: "sweep", now: this.now });
    this.rig.fire("sweep");
    this.#readAppends();
  }

  /** From now on the disk takes its time, or not. */
  hold(): void {
    this.rig.holds = ({ type }) => type === "append";
  }
  release(): void {
    this.rig.releaseAll();
    this.rig.holds = () => false;
    this.#readAppends();
  }

  /** What is asked of the disk meanwhile is answered afterwards, in any order. */
  whileReading(random: Random, run: () => void): void {
    const { rig } = this;
    const others = rig.holds;
    rig.holds = (asked) => asked.type === "read" || others(asked);
    run();
    for (;;) {
      const reads = rig.held.filter(({ type }) => type === "read");
      if (reads.length === 0) break;
      rig.release(reads[random.below(reads.length)]);
    }
    rig.holds = others;
    this.#readAppends();
  }

  /** What was decided shows in what the hub asks of its disk, done or not. */
  #readAppends(): void {
    const { effects } = this.rig;
    for (; this.#read < effects.length; this.#read++) {
      const effect = effects[this.#read];
      if (effect?.type !== "append") continue;
      const events = [...effect.events];
      let receipts: Receipt[] = [];
      for (const receipt of effect.commit.receipts) {
        receipts.push(receipt);
        const row = this.#pushed.get(`${receipt.device}:${receipt.counter}`)?.row;
        if ((row?.[7] ?? 0) > 0) continue;
        this.#endTurn(receipts, events);
        receipts = [];
      }
    }
  }

  #endTurn(receipts: readonly Receipt[], waiting: DomainEvent[]): void {
    const { device } = receipts[0] as Receipt;
    const isMine = (event: DomainEvent | undefined): boolean =>
      event !== undefined &&
      receipts.some((receipt) => receipt.device === event.device && receipt.counter === event.counter);
    const events: DomainEvent[] = [];
    while (isMine(waiting[0])) events.push(waiting.shift() as DomainEvent);
    const pushed = receipts.flatMap((receipt) => this.#pushed.get(`${receipt.device}:${receipt.counter}`) ?? []);
    const person = [...this.#people.values()].find((other) => other.device === device) ?? SERVER;
    this.#head = events.at(-1)?.offset ?? this.#head;
    this.turns.push({
      person,
      now: pushed[0]?.now ?? this.now,
      rows: pushed.map(({ row }) => row),
      receipts,
      events,
      head: this.#head,
    });
  }
}
