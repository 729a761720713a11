/**
 * Histories at random: what people write who see what their devices show, on a few entities and a few fields, so that they
 * meet; and the clocks that their devices have.
 */
import type { JsonObject, JsonValue, Millis, Operation, Random } from "@tidelock/core";
import { PRIORITIES, STATES } from "./schema.ts";

/** What a writer asks for. */
export interface Wish {
  readonly operation: Operation;
  readonly collection: string;
  readonly entity: string;
  readonly fields: JsonObject;
}

/** What a writer sees. */
export interface View {
  ids(collection: string): readonly string[];
  items(collection: string, id: string, field: string): readonly SeenItem[];
  /** Open reviews, with the candidates that are seen. */
  reviews(): readonly SeenReview[];
}
export type SeenItem = { readonly id: string } & JsonObject;
export interface SeenReview {
  readonly id: string;
  readonly collection: string;
  readonly field: string | null;
  readonly candidates: readonly string[];
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  things: [
    ...["title", "extra", "labels", "stars", "steps", "votes", "usage", "high", "low", "priority", "state", "hours"],
    ...["owner", "motto", "broken", "silly", "price", "slogan", "budget"],
  ],
  plans: ["title", "labels", "votes", "steps", "state", "price"],
  deals: ["title", "labels", "votes", "high", "price"],
  cards: ["title", "parent", "friends"],
};

export interface Interests {
  /** The fields that people of this history write, by collection. */
  readonly fields: Readonly<Record<string, readonly string[]>>;
  /** How often what is done; the rest are updates. */
  readonly odds: Readonly<Record<"create" | "delete" | "call" | "decide" | "annotate" | "transaction", number>>;
  /** Values from a handful, so that people write the same. */
  readonly isNarrow: boolean;
  /** Nobody writes what the server's rules refuse. */
  readonly isPolite?: boolean;
}

export function pick<Each>(random: Random, list: readonly Each[]): Each {
  const one = list[random.below(list.length)];
  if (one === undefined) throw new Error("nothing to pick from");
  return one;
}
export function chance(random: Random, odds: number): boolean {
  return random.next() < odds;
}

/** A few fields of every collection. */
export function interests(random: Random): Interests {
  const fields = Object.entries(FIELDS).map(([name, all]) => {
    const many = 1 + random.below(chance(random, 0.2) ? all.length : 3);
    return [name, [...new Set(Array.from({ length: many }, () => pick(random, all)))]] as const;
  });
  const heavy = (odds: number): number => (chance(random, 0.25) ? odds * 3 : odds);
  return {
    fields: Object.fromEntries(fields),
    odds: {
      ...{ create: heavy(0.03), delete: heavy(0.015), call: heavy(0.05) },
      ...{ decide: heavy(0.08), annotate: heavy(0.02), transaction: heavy(0.08) },
    },
    isNarrow: chance(random, 0.4),
  };
}

export class Writer {
  readonly #random: Random;
  readonly #interests: Interests;
  readonly #device: string;
  #made = 0;

  constructor(random: Random, { interests, device }: { readonly interests: Interests; readonly device: string }) {
    this.#random = random;
    this.#interests = interests;
    this.#device = device;
  }

  /** The next transaction; none where there is nothing to write. */
  next(view: View): readonly Wish[] {
    const { odds } = this.#interests;
    let roll = this.#random.next();
    const happens = (share: number): boolean => (roll -= share) < 0;
    if (happens(odds.call)) return this.#call(view);
    if (happens(odds.decide)) return this.#decide(view);
    if (happens(odds.annotate)) return this.#annotate(view);
    if (!happens(odds.transaction)) return this.#one(view);
    if (chance(this.#random, 0.3)) return this.#pair();
    return Array.from({ length: 2 + this.#random.below(2) }, () => this.#one(view)).flat();
  }

  #one(view: View): readonly Wish[] {
    const { odds } = this.#interests;
    let roll = this.#random.next();
    const happens = (share: number): boolean => (roll -= share) < 0;
    if (happens(odds.create)) return [this.create(pick(this.#random, ["things", "plans", "deals", "cards"]))];
    const collection = pick(this.#random, ["things", "things", "plans", "deals", "cards"]);
    const ids = view.ids(collection);
    if (ids.length === 0) return [];
    const entity = pick(this.#random, ids);
    if (happens(odds.delete)) return [{ operation: "delete", collection, entity, fields: {} }];
    return [this.update(view, collection, entity)];
  }

  #name(collection: string): string {
    this.#made += 1;
    return collection === "cards"
      ? `tmp:${this.#device}:${this.#made.toString(36)}`
      : `${collection}-${this.#device}-${this.#made}`;
  }

  create(collection: string): Wish {
    return {
      operation: "create",
      collection,
      entity: this.#name(collection),
      fields: this.#fields(null, collection, ""),
    };
  }

  /** A card whose parent is created with it. */
  #pair(): readonly Wish[] {
    const parent = this.create("cards");
    const child = this.create("cards");
    return [
      parent,
      { ...child, fields: { ...child.fields, parent: parent.entity, friends: { add: [parent.entity] } } },
    ];
  }

  update(view: View, collection: string, entity: string): Wish {
    return { operation: "update", collection, entity, fields: this.#fields(view, collection, entity) };
  }

  #call(view: View): readonly Wish[] {
    const name = pick(this.#random, ["close", "bid", "bid", "spawn", "sweep", "shout"]);
    const of = name === "sweep" || name === "shout" ? "plans" : "things";
    const ids = view.ids(of);
    if (name !== "spawn" && ids.length === 0) return [];
    const args = {
      close: () => ({ thing: pick(this.#random, ids) }),
      bid: () => ({ thing: pick(this.#random, ids), amount: this.#random.below(9) }),
      spawn: () => ({ title: this.#text() }),
      sweep: () => ({ plan: pick(this.#random, ids) }),
      shout: () => ({ plan: pick(this.#random, ids) }),
    }[name as "close"]();
    return [{ operation: "call", collection: name, entity: name, fields: args }];
  }

  #decide(view: View): readonly Wish[] {
    const reviews = view.reviews();
    if (reviews.length === 0) return [];
    const review = pick(this.#random, reviews);
    const own = this.#value(view, review.collection, "", review.field ?? "title");
    const chosen: JsonObject =
      review.field !== null && chance(this.#random, 0.25)
        ? { value: chance(this.#random, 0.1) ? { not: "a value" } : own }
        : { candidate: pick(this.#random, review.candidates) };
    const fields = chance(this.#random, 0.05) ? { candidate: "nobody:1" } : chosen;
    return [{ operation: "decide", collection: "tidelock.reviews", entity: review.id, fields }];
  }

  #annotate(view: View): readonly Wish[] {
    const reviews = view.reviews();
    if (reviews.length === 0) return [];
    const change = pick<JsonObject>(this.#random, [
      { assignee: this.#text() },
      { note: this.#text() },
      { due: 1, onExpiry: pick(this.#random, ["keep", "latest"]) },
      { onExpiry: "latest" },
      { status: "closed" },
    ]);
    return [
      { operation: "update", collection: "tidelock.reviews", entity: pick(this.#random, reviews).id, fields: change },
    ];
  }

  // ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #fields(view: View | null, collection: string, entity: string): JsonObject {
    const names = this.#interests.fields[collection] ?? [];
    const chosen = names.filter(() => chance(this.#random, view === null ? 0.3 : 0.6));
    const written = chosen.length > 0 || view === null ? chosen : [pick(this.#random, names)];
    return Object.fromEntries(written.map((name) => [name, this.#value(view, collection, entity, name)]));
  }

  #text(): string {
    const words = ["ash", "birch", "cedar", "elm"];
    if (this.#interests.isNarrow) return pick(this.#random, words.slice(0, 3));
    return !this.#interests.isPolite && chance(this.#random, 0.02)
      ? "forbidden"
      : `${pick(this.#random, words)}${this.#random.below(1000)}`;
  }

  #number(): number {
    return this.#random.below(this.#interests.isNarrow ? 4 : 1000);
  }

  #value(view: View | null, collection: string, entity: string, name: string): JsonValue {
    const random = this.#random;
    switch (name) {
      case "extra":
        return pick<JsonValue>(random, [null, this.#number(), { by: this.#text(), of: [this.#number()] }]);
      case "labels":
      case "stars":
        return this.#setChange(["a", "b", "c", "d"]);
      case "steps":
        return this.#listChange(view?.items(collection, entity, name) ?? []);
      case "votes":
        return { add: random.below(9) - 4 };
      case "usage":
        return { add: chance(random, 0.03) ? -1 : random.below(5) };
      case "low":
        return chance(random, 0.2) ? null : this.#number();
      case "priority":
        return pick(random, PRIORITIES);
      case "state":
        return pick(random, STATES);
      case "hours": {
        const from = random.below(20);
        return [[from, from + random.below(6)]];
      }
      case "high":
      case "silly":
      case "price":
      case "budget":
        return this.#number();
      case "parent":
        return pick<JsonValue>(random, [null, ...(view?.ids("cards") ?? [])]);
      case "friends":
        return this.#setChange(view?.ids("cards").slice(0, 4) ?? []);
      default:
        return this.#text();
    }
  }

  #setChange(elements: readonly string[]): JsonValue {
    const chosen = elements.filter(() => chance(this.#random, 0.5));
    const roll = this.#random.below(10);
    if (roll === 0) return chosen;
    const added = chosen.filter(() => chance(this.#random, 0.5));
    return { add: added, remove: chosen.filter((element) => !added.includes(element)) };
  }

  #listChange(seen: readonly SeenItem[]): JsonValue {
    return chance(this.#random, 0.15) ? this.#wholeList(seen) : { ops: this.#steps(seen.map(({ id }) => id)) };
  }

  /**
   * The list as it is wanted: without some items, with other properties, with new ones. At most one item goes elsewhere, and
   * then further than to its neighbour's place: so it is clear which one went.
   */
  #wholeList(seen: readonly SeenItem[]): JsonValue {
    const random = this.#random;
    // As the client's programming interface completes them.
    let wanted = seen
      .filter(() => chance(random, 0.85))
      .map((item): SeenItem => ({ done: false, ...item, ...(chance(random, 0.2) && { text: this.#text() }) }));
    if (wanted.length > 3 && chance(random, 0.5)) {
      const [last, ...rest] = [...wanted].reverse() as [SeenItem, ...SeenItem[]];
      wanted = [last, ...rest.reverse()];
    } else if (chance(random, 0.5)) {
      const id = ["p", "q", "r", "s", "t", "u"].find((name) => !seen.some((item) => item.id === name)) ?? "v";
      wanted.splice(random.below(wanted.length + 1), 0, { id, text: this.#text(), done: false });
    }
    return wanted.filter(({ id }, at) => wanted.findIndex((other) => other.id === id) === at);
  }

  #steps(seen: readonly string[]): readonly JsonValue[] {
    const random = this.#random;
    const known = [...seen];
    return Array.from({ length: 1 + random.below(chance(random, 0.2) ? 3 : 1) }, (): JsonValue => {
      const id = known.length === 0 ? null : pick(random, known);
      const after = (but: string): string | null => {
        const others = known.filter((other) => other !== but);
        return others.length === 0 || chance(random, 0.3) ? null : pick(random, others);
      };
      const kind = random.below(7);
      if (id === null || kind <= 1) {
        // Few ids, so that two people insert the same.
        const fresh = pick(
          random,
          ["p", "q", "r", "s", "t", "u"]
            .filter((name) => !known.includes(name))
            .slice(0, 3)
            .concat(`x${random.below(100)}`),
        );
        const place = after(fresh);
        if (!known.includes(fresh)) known.push(fresh);
        return [
          "insert",
          fresh,
          place,
          { text: this.#text(), ...(chance(random, 0.5) && { done: chance(random, 0.5) }) },
        ];
      }
      if (kind <= 3) return ["move", id, after(id)];
      if (kind <= 5) return ["edit", id, chance(random, 0.5) ? { text: this.#text() } : { done: chance(random, 0.5) }];
      known.splice(known.indexOf(id), 1);
      return ["remove", id];
    });
  }
}

// ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * - `honest`: right, and never goes back
 * - `coarse`: right, in steps of a second, and stands still: several devices have the same stamps
 * - `behind`, `ahead`: by years; `early`: by less than what is believed
 * - `jumping`: any of these at any moment
 */
export const CLOCKS = ["honest", "coarse", "coarse", "behind", "ahead", "early", "jumping"] as const;
export type ClockKind = (typeof CLOCKS)[number];
const YEARS: Millis = 3 * 365 * 86_400_000;

export class Clock {
  readonly #random: Random;
  readonly #kind: ClockKind;
  #last = 0n;

  constructor(random: Random, kind: ClockKind) {
    this.#random = random;
    this.#kind = kind;
  }

  /** The stamp of a mutation made now, as a number. */
  stamp(now: Millis): bigint {
    const kind = this.#kind === "jumping" ? pick(this.#random, CLOCKS) : this.#kind;
    switch (kind) {
      case "coarse":
      case "jumping":
        return BigInt(Math.floor(now / 1000) * 1000) << 16n;
      case "behind":
        return this.#forward(now - YEARS);
      case "ahead":
        return this.#forward(now + YEARS);
      case "early":
        return this.#forward(now + 30_000);
      case "honest":
        return this.#forward(now);
    }
  }

  /** Never twice the same, unless the clock jumps. */
  #forward(now: Millis): bigint {
    const wall = BigInt(now) << 16n;
    if (this.#kind === "jumping") return wall;
    this.#last = wall > this.#last ? wall : this.#last + 1n;
    return this.#last;
  }
}

export function stampText(stamp: bigint): string {
  return stamp.toString(16).padStart(16, "0");
}
