/**
 * Short histories written by hand: devices that hear of everything when they are told to, and write what they are told to.
 * Every turn is judged by the model as well.
 */
import type { Decision, DomainEvent, JsonObject, MutationRow, Outcome, Review } from "@tidelock/core";
import { entity as entityId, START } from "../engine/names.ts";
import { stampText } from "./histories.ts";
import { columnsOf, type Counts, Judge, storedRows } from "./judge.ts";
import { Server, type Turn } from "./server.ts";

export interface Done {
  readonly outcome: Outcome | undefined;
  readonly decisions: readonly Decision[];
  readonly events: readonly DomainEvent[];
}

export type Write = readonly [operation: MutationRow[1], collection: string, id: string, fields?: JsonObject];

export class Story {
  readonly server = new Server();
  readonly counts: Counts = new Map();
  readonly #judge = new Judge(this.server, this.counts);
  readonly #floors = new Map<string, number>();
  readonly #counters = new Map<string, number>();
  readonly #roles: Readonly<Record<string, string>>;

  /** @param roles of devices; whoever is not named is a lead */
  constructor(roles: Readonly<Record<string, string>> = {}) {
    this.#roles = roles;
  }

  /** These devices hear of everything. */
  hear(...devices: readonly string[]): void {
    for (const device of devices) this.#floors.set(device, this.server.head);
  }

  wait(millis: number): void {
    this.server.now += millis;
    this.server.sweep();
    this.#judge.judge();
  }

  /** A device writes at some moment (milliseconds after the beginning, by its clock); one transaction. */
  at(time: number, device: string, ...writes: readonly Write[]): Done {
    if (!this.#counters.has(device))
      this.server.open(device, { device, user: device, role: this.#roles[device] ?? "lead" });
    const rows = writes.map(([operation, collection, id, fields = {}], index): MutationRow => {
      const counter = (this.#counters.get(device) ?? 0) + 1;
      this.#counters.set(device, counter);
      const stamp = stampText(BigInt(START + time) << 16n) as MutationRow[6];
      return [
        counter,
        operation,
        collection,
        entityId(id),
        fields,
        this.#floors.get(device) ?? 0,
        stamp,
        writes.length - 1 - index,
      ];
    });
    this.server.push(device, rows);
    this.#judge.judge();
    const turn = this.server.turns.at(-1) as Turn;
    return {
      outcome: turn.receipts[0]?.outcome,
      events: turn.events,
      decisions: turn.events.flatMap(({ decisions }) => decisions),
    };
  }

  value(collection: string, id: string, field: string): unknown {
    return storedRows(this.server).get(collection)?.get(id)?.[field];
  }

  /** The reviews, in the order in which they were opened. */
  reviews(): readonly Review[] {
    const columns = columnsOf(this.server, "tidelock.reviews");
    if (columns.length === 0) return [];
    const rows = storedRows(this.server).get("tidelock.reviews") ?? new Map<string, JsonObject>();
    const all = [...rows].map(([id, row]) => ({ id, ...row }) as unknown as Review);
    return all.sort((left, right) => left.openedAt - right.openedAt);
  }
}
