/**
 * A device whose mutations are made up whole: what its author had seen, its clock and the moment at which it speaks are the
 * test's to choose. It sees what the model says that somebody who is as far behind sees.
 */
import type { Millis, MutationRow, Random } from "@tidelock/core";
import { entity as entityId } from "../engine/names.ts";
import { type Clock, stampText, type View, type Wish, type Writer } from "./histories.ts";
import type { Model } from "./model.ts";
import type { Person, Server } from "./server.ts";

export class ScriptedDevice {
  readonly person: Person;
  readonly #server: Server;
  readonly #model: Model;
  readonly #writer: Writer;
  readonly #clock: Clock;
  /** Transactions that wait to be pushed. */
  readonly outbox: MutationRow[][] = [];
  #counter = 0;
  /** The last turn that it has seen, besides its own. */
  #horizon = 0;
  readonly #gone = new Set<string>();
  readonly #own: Array<readonly [collection: string, id: string]> = [];

  constructor(parts: { person: Person; server: Server; model: Model; writer: Writer; clock: Clock }) {
    this.person = parts.person;
    this.#server = parts.server;
    this.#model = parts.model;
    this.#writer = parts.writer;
    this.#clock = parts.clock;
    this.#server.open(this.person.device, this.person);
  }

  /** Hears of what happened, up to some turn that is on disk. */
  hear(random: Random): void {
    const last = this.#server.turnAt(this.#server.head);
    if (last <= this.#horizon) return;
    this.#horizon = random.below(3) === 0 ? this.#horizon + 1 + random.below(last - this.#horizon) : last;
  }

  write(now: Millis): void {
    this.add(this.#writer.next(this.#view()), now);
  }

  add(wishes: readonly Wish[], now: Millis): void {
    const calls = wishes.filter(({ operation }) => operation === "call");
    if (calls.length > 0 && wishes.length > 1) return;
    const rows = wishes.map(({ operation, collection, entity, fields }, at): MutationRow => {
      this.#counter += 1;
      if (operation === "delete") this.#gone.add(`${collection}/${entity}`);
      if (operation === "create") this.#own.push([collection, entity]);
      const stamp = stampText(this.#clock.stamp(now)) as MutationRow[6];
      const seen = this.#server.headOf(this.#horizon);
      return [this.#counter, operation, collection, entityId(entity), fields, seen, stamp, wishes.length - 1 - at];
    });
    if (rows.length > 0) this.outbox.push(rows);
  }

  /** Pushes some of what waits, as one message. */
  push(transactions: number): void {
    const rows = this.outbox.splice(0, transactions).flat();
    if (rows.length > 0) this.#server.push(this.person.device, rows);
  }

  #view(): View {
    const { device } = this.person;
    const horizon = this.#horizon;
    const model = this.#model;
    return {
      ids: (collection) => {
        const known = [...model.entities.values()].filter(
          (entity) =>
            entity.collection === collection &&
            (entity.since <= horizon || this.#isMine(entity.id)) &&
            this.#isSeenThere(entity.collection, entity.id),
        );
        const own = this.#own.filter(
          ([of, id]) =>
            of === collection &&
            !this.#gone.has(`${of}/${id}`) &&
            model.resolve(device, id) === id &&
            model.entity(of, id) === undefined,
        );
        return [...known.map(({ id }) => id), ...own.map(([, id]) => id)];
      },
      items: (collection, id, field) =>
        model.seenItems(collection, model.resolve(device, id), field, { device, horizon }),
      reviews: () =>
        [...model.reviews.values()].flatMap(({ id, since, collection, field, candidates, closed }) => {
          if (since > horizon || (closed > 0 && closed <= horizon)) return [];
          const seen = candidates
            .filter(({ by }) => by.turn <= horizon)
            .map((each) => `${each.device}:${each.counter}`);
          return seen.length === 0 ? [] : [{ id, collection, field, candidates: seen }];
        }),
    };
  }

  #isMine(id: string): boolean {
    return this.#own.some(([, own]) => this.#model.resolve(this.person.device, own) === id);
  }

  /** Its own deletions it sees at once, those of others when it hears of them. */
  #isSeenThere(collection: string, id: string): boolean {
    const entity = this.#model.entity(collection, id);
    if (entity === undefined) return false;
    if (this.#gone.has(`${collection}/${id}`)) return entity.isThere && this.#horizon >= this.#model.turn;
    return entity.isThere || (entity.deletion?.by.turn ?? 0) > this.#horizon;
  }
}
