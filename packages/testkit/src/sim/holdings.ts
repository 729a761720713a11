/**
 * What a device keeps up, as its inputs, messages and effects say: its subscriptions, under which rights each was sent,
 * and those that it gave up and whose end the server has not confirmed.
 */
import type { ServerMessage } from "@tidelock/core";
import type { ReplicaEffect, ReplicaInput, StoredFacts } from "@tidelock/client/engine";
import type { Held, Rights } from "./expectation.ts";

export class Holdings {
  readonly #rightsOf: (key: string) => Rights | null;
  readonly #held = new Map<string, Held>();
  /** Those given up on this connection, by number, while their end is not confirmed. */
  readonly #ending = new Map<number, Held>();
  /** The connection that the replica listens to; 0 when there is none. */
  #connection = 0;
  /** Subscription numbers of the connection, as its hello and subscribes named them. */
  readonly #numbers = new Map<number, string>();

  /** @param rightsOf under which rights rows are sent that carry a key */
  constructor(rightsOf: (key: string) => Rights | null) {
    this.#rightsOf = rightsOf;
  }

  /** What is kept up, without what was given up. */
  get held(): Iterable<Held> {
    return this.#held.values();
  }

  get all(): Iterable<Held> {
    return [...this.#held.values(), ...this.#ending.values()];
  }

  /** The program has read its store. */
  loaded(facts: StoredFacts | null): void {
    for (const { collection, filter, key } of facts?.subscriptions ?? []) {
      const rights = key === null ? null : this.#rightsOf(key);
      const parsed = JSON.parse(filter) as Held["filter"];
      this.#held.set(`${collection} ${filter}`, { collection, filter: parsed, rights, staged: null, ending: false });
    }
  }

  died(): void {
    this.#held.clear();
    this.#numbers.clear();
    this.#ending.clear();
    this.#connection = 0;
  }

  /** A subscribe leaves the device. */
  said(number: number, collection: string, filter: unknown): void {
    this.#numbers.set(number, nameOf(collection, filter));
  }

  /** The replica took an input and asked for these effects. */
  note(input: ReplicaInput, effects: readonly ReplicaEffect[]): void {
    if (input.type === "subscribe" || input.type === "unsubscribe") {
      const { collection, filter } = input;
      const name = nameOf(collection, filter);
      const held = this.#held.get(name);
      if (input.type === "unsubscribe" && held !== undefined) this.#giveUp(name, held);
      if (input.type === "subscribe" && held === undefined) {
        this.#held.set(name, { collection, filter, rights: null, staged: null, ending: false });
      }
    }
    const isOver = input.type === "disconnected" && input.connection === this.#connection;
    // What still arrives of a connection that was given up says nothing to the device.
    const isHeard = input.type === "message" && this.isHeard(input);
    if (isOver || effects.some(({ type }) => type === "disconnect")) {
      this.#ending.clear();
      this.#connection = 0;
    }
    for (const effect of effects) {
      if (effect.type !== "connect") continue;
      this.#ending.clear();
      this.#connection = effect.connection;
      this.#numbers.clear();
      for (const { id, collection, where } of effect.hello.subscriptions) this.said(id, collection, where);
    }
    if (isHeard) this.#hear(input.message);
  }

  /** Whether the replica still listens to the connection that a message came by. */
  isHeard({ connection }: { readonly connection: number }): boolean {
    return connection === this.#connection;
  }

  /** Its rows may stay until the server has confirmed it, or the connection is gone. */
  #giveUp(name: string, held: Held): void {
    this.#held.delete(name);
    const number = [...this.#numbers].find(([, known]) => known === name)?.[0];
    if (number !== undefined) this.#ending.set(number, { ...held, ending: true });
  }

  #hear(message: ServerMessage): void {
    switch (message.type) {
      case "unsubscribed":
        this.#ending.delete(message.subscription);
        return;
      case "resync":
        for (const held of this.#held.values()) Object.assign(held, { rights: null, staged: null });
        return;
      case "snapshot":
        Object.assign(this.#numbered(message.subscription) ?? {}, { staged: this.#rightsOf(message.key) });
        return;
      case "snapshot-end": {
        const held = this.#numbered(message.subscription);
        if (held !== undefined) held.rights = held.staged;
        return;
      }
      default:
        return;
    }
  }

  #numbered(number: number): Held | undefined {
    return this.#held.get(this.#numbers.get(number) ?? "");
  }
}

function nameOf(collection: string, filter: unknown): string {
  return `${collection} ${JSON.stringify(filter)}`;
}
