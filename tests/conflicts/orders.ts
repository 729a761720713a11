/**
 * The same mutations, each with what its author had seen, in several orders of arrival. A history is made of rounds: what
 * somebody has seen is everything up to the beginning of some round, and what they did themselves. So the mutations of a
 * round may reach the server in any order that keeps each device's own.
 */
import { type MutationRow, type Random, seededRandom } from "@tidelock/core";
import { entity as entityId, START } from "../engine/names.ts";
import { chance, type Interests, pick, stampText, type View, type Wish, Writer } from "./histories.ts";
import { count, type Counts, Judge } from "./judge.ts";
import { canonical } from "./model-field.ts";
import { type Person, Server } from "./server.ts";

export interface Circumstances {
  readonly fields: Interests["fields"];
  readonly odds?: Partial<Interests["odds"]>;
  /**
   * `growing`: whoever writes has a stamp above all that they have seen, as a device has whose clock is not behind.
   * `lying`: anything, ties included.
   */
  readonly clocks: "growing" | "lying";
  /** Whether some have not heard of the last rounds when they write. */
  readonly someLag: boolean;
  /** Whether everybody writes at most once in a round. */
  readonly once: boolean;
  readonly collections: readonly string[];
  /** How many rounds after the first; else two to four. */
  readonly rounds?: number;
  /** Whether entities begin with nothing but defaults. */
  readonly isBare?: boolean;
}

/** A transaction of a history, as it may be given to any server. */
interface Planned {
  readonly person: Person;
  /** The round up to whose beginning its author had seen everything. */
  readonly seenRound: number;
  readonly rows: readonly MutationRow[];
}
type Round = readonly Planned[];

/** A run of a history in one order. */
class Run {
  readonly server = new Server();
  readonly judge: Judge;
  /** The log's head at the beginning of each round. */
  readonly heads: number[] = [];

  constructor(people: readonly Person[], counts: Counts) {
    this.server.now = START;
    this.judge = new Judge(this.server, counts);
    for (const person of people) this.server.open(person.device, person);
  }

  begin(): void {
    this.heads.push(this.server.head);
  }

  give({ person, rows, seenRound }: Planned): void {
    const seen = this.heads[seenRound] ?? 0;
    this.server.push(
      person.device,
      rows.map(([counter, operation, collection, entity, fields, , stamp, remaining]) => [
        counter,
        operation,
        collection,
        entity,
        fields,
        seen,
        stamp,
        remaining,
      ]),
    );
    this.judge.judge();
  }
}

class Plan {
  readonly people: readonly Person[];
  readonly rounds: Planned[][] = [];
  readonly run: Run;
  readonly #random: Random;
  readonly #circumstances: Circumstances;
  readonly #writers: ReadonlyMap<Person, Writer>;
  readonly #counters = new Map<Person, number>();
  readonly #seen = new Map<Person, number>();
  readonly #gone = new Set<string>();
  readonly #wrote = new Set<string>();
  /** What was there at the beginning of each round. */
  readonly #there: Array<ReadonlySet<string>> = [];
  /** The latest stamp that each has seen. */
  readonly #stamps = new Map<Person, bigint>();
  readonly #roundStamps: bigint[] = [];

  constructor(random: Random, circumstances: Circumstances, counts: Counts) {
    this.#random = random;
    this.#circumstances = circumstances;
    this.people = Array.from({ length: 5 }, (_, at): Person => {
      return {
        device: `${pick(random, ["d", "D", "de"])}${at}`,
        user: `user-${at}`,
        role: pick(random, ["guest", "member", "lead", null]),
      };
    });
    const { fields } = circumstances;
    const odds = { create: 0, delete: 0, call: 0, decide: 0, annotate: 0, transaction: 0, ...circumstances.odds };
    const interests: Interests = { fields, odds, isNarrow: chance(random, 0.5), isPolite: true };
    this.#writers = new Map(
      this.people.map((person) => [person, new Writer(random, { interests, device: person.device })]),
    );
    this.run = new Run(this.people, counts);
  }

  make(rounds: number): void {
    const [first] = this.people as [Person];
    this.#begin();
    for (const collection of this.#circumstances.collections) {
      const wish = this.#writers.get(first)?.create(collection);
      if (wish !== undefined) this.#add(first, [this.#circumstances.isBare === true ? { ...wish, fields: {} } : wish]);
    }
    for (let round = 1; round <= rounds; round++) {
      this.#begin();
      this.#wrote.clear();
      const { once, someLag } = this.#circumstances;
      for (const person of this.people) {
        if (round > 1 && someLag && chance(this.#random, 0.5)) continue;
        this.#seen.set(person, round);
        this.#hear(person, round);
      }
      const turns = this.people.flatMap((person) =>
        Array.from({ length: once ? 1 : 1 + this.#random.below(2) }, () => person),
      );
      for (const person of shuffled(this.#random, turns)) {
        if (chance(this.#random, 0.2)) continue;
        this.#add(person, this.#wishes(person));
      }
    }
  }

  #begin(): void {
    this.run.begin();
    this.rounds.push([]);
    const all = [...this.run.judge.model.entities.values()];
    this.#there.push(new Set(all.flatMap(({ collection, id, isThere }) => (isThere ? [`${collection} ${id}`] : []))));
    this.#roundStamps.push([...this.#stamps.values()].reduce((most, stamp) => (stamp > most ? stamp : most), 0n));
  }

  #hear(person: Person, round: number): void {
    const heard = this.#roundStamps[round] ?? 0n;
    if (heard > (this.#stamps.get(person) ?? 0n)) this.#stamps.set(person, heard);
  }

  #wishes(person: Person): readonly Wish[] {
    const wishes = this.#writers.get(person)?.next(this.#view(person)) ?? [];
    for (const { operation, entity } of wishes)
      if (operation === "delete") this.#gone.add(`${person.device} ${entity}`);
    if (!this.#circumstances.once) return wishes;
    return wishes.map((wish) => {
      const fields = Object.entries(wish.fields).filter(([name]) => {
        const key = `${person.device} ${wish.entity} ${name}`;
        const isFirst = !this.#wrote.has(key);
        this.#wrote.add(key);
        return isFirst;
      });
      return { ...wish, fields: Object.fromEntries(fields) };
    });
  }

  #view(person: Person): View {
    const { model } = this.run.judge;
    const { device } = person;
    const horizon = this.run.server.turnAt(this.run.heads[this.#seen.get(person) ?? 0] ?? 0);
    return {
      ids: (collection) =>
        [...(this.#there[this.#seen.get(person) ?? 0] ?? [])].flatMap((name) => {
          const [of, id = ""] = name.split(" ");
          return of === collection && !this.#gone.has(`${device} ${id}`) ? [id] : [];
        }),
      items: (collection, id, field) => model.seenItems(collection, id, field, { device, horizon }),
      reviews: () => [],
    };
  }

  #stamp(person: Person): bigint {
    const random = this.#random;
    if (this.#circumstances.clocks === "lying")
      return (BigInt(START + random.below(4)) << 16n) + BigInt(random.below(3));
    const last = this.#stamps.get(person) ?? BigInt(START) << 16n;
    const stamp = last + BigInt(random.below(3)) + 1n;
    this.#stamps.set(person, stamp);
    return stamp;
  }

  #add(person: Person, wishes: readonly Wish[]): void {
    if (wishes.length === 0) return;
    const rows = wishes.map(({ operation, collection, entity, fields }, at): MutationRow => {
      const counter = (this.#counters.get(person) ?? 0) + 1;
      this.#counters.set(person, counter);
      return [
        counter,
        operation,
        collection,
        entityId(entity),
        fields,
        0,
        stampText(this.#stamp(person)) as MutationRow[6],
        wishes.length - 1 - at,
      ];
    });
    const planned: Planned = { person, rows, seenRound: this.#seen.get(person) ?? 0 };
    this.rounds.at(-1)?.push(planned);
    this.run.give(planned);
  }
}

function shuffled<Each>(random: Random, list: readonly Each[]): Each[] {
  const left = [...list];
  return list.map(() => left.splice(random.below(left.length), 1)[0] as Each);
}

/** Another order of a round, in which each device's own stays. */
function reordered(random: Random, round: Round): Round {
  const queues = Map.groupBy(round, ({ person }) => person);
  return shuffled(
    random,
    round.map(({ person }) => person),
  ).map((person) => queues.get(person)?.shift() as Planned);
}

/** A history in several orders of arrival: what the rows are at the end of each, as text. The model judges each of them. */
export function inSeveralOrders(
  seed: number,
  circumstances: Circumstances,
  orders: number,
  counts: Counts,
): readonly string[] {
  const random = seededRandom(seed);
  const plan = new Plan(random, circumstances, counts);
  plan.make(circumstances.rounds ?? 2 + random.below(3));
  const ends = [endOf(plan.run)];
  for (let order = 0; order < orders; order++) {
    const run = new Run(plan.people, counts);
    for (const [index, round] of plan.rounds.entries()) {
      run.begin();
      for (const planned of index === 0 ? round : reordered(random, round)) run.give(planned);
    }
    run.judge.conclude();
    ends.push(endOf(run));
    count(counts, "orders");
  }
  return ends;
}

/** The values of all fields; of one that waits for a person, what may be chosen. */
function endOf({ judge: { model } }: Run): string {
  const open = new Map(
    [...model.reviews.values()].map(({ collection, entity, field, candidates }) => {
      const values = candidates.map(({ value }) => canonical(value));
      return [`${collection}/${entity}/${field}`, [...new Set(values)].sort().join(" or ")];
    }),
  );
  const lines = [...model.entities.values()].map(({ collection, id }) => {
    const { "tidelock.review": _, ...row } = model.row(collection, id) ?? { gone: true };
    const fields = Object.entries(row).map(
      ([name, value]) => `${name} ${open.get(`${collection}/${id}/${name}`) ?? canonical(value)}`,
    );
    return `${collection}/${id} ${fields.join(", ")}`;
  });
  return lines.sort().join("\n");
}
