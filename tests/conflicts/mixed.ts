/**
 * One history of everything: devices that are scripted and devices with real replicas write, hear, are cut off and come
 * back, reviewers decide, time passes. Afterwards the model, the laws, every replica and a second hub have their say.
 */
import { type Random, seededRandom } from "@tidelock/core";
import { START, tenant } from "../engine/names.ts";
import { chance, Clock, CLOCKS, interests, type Interests, pick, Writer } from "./histories.ts";
import { count, type Counts, Judge } from "./judge.ts";
import { Laws } from "./laws.ts";
import type { Model } from "./model.ts";
import { replay, stateOf } from "./replay.ts";
import { ReplicaDevice } from "./replica-device.ts";
import { ScriptedDevice } from "./scripted-device.ts";
import { type Person, Server } from "./server.ts";

const ROLES = ["guest", "member", "lead", "lead", null] as const;
const SKEWS = [0, 0, 30_000, -3_600_000, 94_608_000_000, -94_608_000_000];
const STEPS = 120;

class History {
  readonly random: Random;
  readonly server: Server;
  readonly judge: Judge;
  readonly scripted: readonly ScriptedDevice[];
  /** They look at what waits for a person, and decide; now and then two at the same time. */
  readonly reviewers: readonly ScriptedDevice[];
  readonly replicas: readonly ReplicaDevice[];
  readonly counts: Counts;
  /** In some histories hardly any time passes, so that stamps are often the same. */
  readonly #stepMs: number;

  constructor(seed: number, counts: Counts) {
    const random = seededRandom(seed);
    this.random = random;
    this.counts = counts;
    this.#stepMs = pick(random, [20, 1500]);
    this.server = new Server({ maxCachedEntities: pick(random, [1, 3, 1000]) });
    this.server.now = START;
    this.judge = new Judge(this.server, counts);
    const wanted = interests(random);
    const people = Array.from({ length: 6 }, (_, at): Person => {
      // Names whose order by code unit, by case and by number differ.
      return { device: `${pick(random, ["d", "D", "de"])}${at}`, user: `user-${at}`, role: pick(random, ROLES) };
    });
    const { server } = this;
    this.scripted = people
      .slice(0, 4)
      .map((person) => scripted(random, { person, server, model: this.judge.model }, wanted));
    const odds = { ...wanted.odds, call: 0, decide: 0.85, annotate: 0.1, transaction: 0 };
    this.reviewers = ["reviewer", "Reviewer"].map((device) => {
      const person: Person = { device, user: device, role: "lead" };
      return scripted(random, { person, server, model: this.judge.model }, { ...wanted, odds });
    });
    this.replicas = people.slice(4).map((person) => {
      const writer = new Writer(random, { interests: wanted, device: person.device });
      return new ReplicaDevice({ person, server, random, writer, skewMs: pick(random, SKEWS) });
    });
    this.#begin(wanted);
  }

  /** A few entities that all have seen. */
  #begin(wanted: Interests): void {
    const { server, random } = this;
    const [first] = this.scripted;
    const maker = new Writer(random, { interests: wanted, device: "begin" });
    for (const collection of ["things", "things", "plans", "deals", "cards"]) {
      const wish = maker.create(collection);
      const name = first?.person.device ?? "";
      first?.add([collection === "cards" ? { ...wish, entity: `tmp:${name}:begin` } : wish], START);
    }
    first?.push(10);
    for (const device of this.scripted) device.hear(random);
    for (const replica of this.replicas) {
      replica.connect();
      while (replica.carryUp(1) && replica.carryDown(100)) continue;
      replica.carryDown(100);
    }
    this.judge.judge();
    server.now += 1;
  }

  step(): void {
    const { random, server } = this;
    server.now += random.below(chance(random, 0.03) ? 40_000 : this.#stepMs);
    const roll = random.below(20);
    if (roll === 0) server.sweep();
    else if (roll === 1) this.#disk();
    else if (roll < 4) this.#review();
    else if (roll < 5) this.#rush();
    else if (roll < 13) this.#scripted(pick(random, this.scripted));
    else this.#replica(pick(random, this.replicas));
    this.judge.judge();
  }

  /** Several push at once, while the disk takes its time with what that needs. */
  #rush(): void {
    const { random, server } = this;
    server.whileReading(random, () => {
      for (const device of this.scripted) if (chance(random, 0.7)) device.push(2);
    });
    count(this.counts, "rushes");
  }

  #review(): void {
    const at = this.reviewers.filter(() => chance(this.random, 0.6));
    for (const reviewer of at) reviewer.hear(this.random);
    for (const reviewer of at) reviewer.write(this.server.now);
    for (const reviewer of at) reviewer.push(1);
  }

  #disk(): void {
    if (chance(this.random, 0.5)) this.server.hold();
    else this.server.release();
  }

  #scripted(device: ScriptedDevice): void {
    const roll = this.random.below(10);
    if (roll < 5) device.write(this.server.now);
    else if (roll < 7) device.push(1 + this.random.below(3));
    else if (roll < 9) device.hear(this.random);
    else {
      device.push(100);
      this.server.release();
      device.hear(this.random);
    }
  }

  #replica(replica: ReplicaDevice): void {
    const roll = this.random.below(20);
    if (roll < 8) replica.write();
    else if (roll < 12) replica.carryUp(1 + this.random.below(4));
    else if (roll < 16) replica.carryDown(1 + this.random.below(10));
    else if (roll < 17) replica.tick();
    else if (roll < 18) this.#cut(replica);
    else if (replica.isOnline) replica.carryDown(100);
    else replica.connect();
  }

  #cut(replica: ReplicaDevice): void {
    if (!replica.isOnline) return;
    count(this.counts, "replicas cut off");
    if (chance(this.random, 0.3)) replica.restart();
    else replica.cut();
  }

  /** Everything is said and heard; nothing is on its way. */
  settle(): void {
    const { server } = this;
    server.release();
    for (const device of [...this.scripted, ...this.reviewers]) device.push(1000);
    for (let round = 0; round < 50; round++) {
      let moved = false;
      for (const replica of this.replicas) {
        if (!replica.isOnline) replica.connect();
        replica.tick(true);
        moved = replica.carryUp(1000) || moved;
        moved = replica.carryDown(1000) || moved;
      }
      server.sweep();
      this.judge.judge();
      if (!moved) break;
    }
  }
}

function scripted(
  random: Random,
  parts: { person: Person; server: Server; model: Model },
  wanted: Interests,
): ScriptedDevice {
  const writer = new Writer(random, { interests: wanted, device: parts.person.device });
  return new ScriptedDevice({ ...parts, writer, clock: new Clock(random, pick(random, CLOCKS)) });
}

/** Every replica holds what the server holds, byte for byte, and shows it. */
function assertConverged({ server, replicas, counts }: History): void {
  const { disk } = server.rig;
  const stored = new Map<string, string>();
  for (const collection of disk.openTenant(tenant).columns.keys())
    for (const { id, row } of disk.readPage(tenant, collection, null, 10_000).entities)
      stored.set(`${collection}/${id}`, row ?? "");
  for (const replica of replicas) {
    const rows = replica.rows();
    const { device } = replica.person;
    for (const key of new Set([...rows.keys(), ...stored.keys()])) {
      if (rows.get(key) !== stored.get(key))
        throw new Error(`${device} differs in ${key}\n  server:  ${stored.get(key)}\n  replica: ${rows.get(key)}`);
    }
    const left = replica.replica.outbox.length;
    if (left > 0) throw new Error(`${device} still has ${left} mutations`);
    count(counts, "replicas that converged");
    count(counts, "messages that came twice", replica.repeated);
    count(counts, "replicas started again", replica.restarts);
    count(counts, "rows compared", rows.size);
  }
}

export function runMixed(seed: number, counts: Counts): void {
  const history = new History(seed, counts);
  for (let step = 0; step < STEPS; step++) history.step();
  history.settle();
  history.judge.conclude();
  for (const { person } of history.replicas) {
    const times = history.judge.model.raised.get(person.device) ?? 0;
    if (times > 0)
      throw new Error(`the stamps of ${person.device} did not keep up with what it had seen, ${times} times`);
  }
  new Laws(history.server).check(counts);
  assertConverged(history);
  const again = replay(history.server.entries, seededRandom(seed + 1));
  const [first, second] = [stateOf(history.server), stateOf(again)];
  if (first.hash !== second.hash)
    throw new Error(`another hub makes something else of the same history: ${differenceOf(first.lines, second.lines)}`);
  count(counts, "replays");
  count(counts, "histories");
}

function differenceOf(left: readonly string[], right: readonly string[]): string {
  const at = left.findIndex((line, index) => line !== right[index]);
  return `\n  first: ${left[at]}\n  again: ${right[at]}`;
}
