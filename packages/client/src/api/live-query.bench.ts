/**
 * One change in a sorted, filtered set of 100,000 (row P11 of the performance table): what it costs until a listener has
 * been told, and until it has read a list (a new array of 100,000 has its price). Run it with
 * `node --conditions=@tidelock/source packages/client/src/api/live-query.bench.ts`.
 */
import { performance } from "node:perf_hooks";
import { collection, defineSchema, field, seededRandom } from "@tidelock/core";
import { LiveQueries } from "./live-query.ts";
import { Query } from "./query.ts";
import { StandIn } from "./stand-in.ts";

const SIZE = 100_000;
const CHANGES = 2000;

const schema = defineSchema({
  version: 1,
  collections: { tasks: collection({ title: field.string(), done: field.boolean(), position: field.number() }) },
});
const tasks = schema.collections.get("tasks");
if (tasks === undefined) throw new Error("the schema has tasks");

const random = seededRandom(1);
const standIn = new StandIn();
for (let number = 0; number < SIZE; number++) {
  standIn.set("tasks", `t${number}`, { title: `Task ${number}`, done: false, position: random.next() });
}

function measure(name: string, query: Query<unknown>, change: (id: string) => void, isRead: boolean): void {
  const live = new LiveQueries(standIn.context).of(query);
  let told = 0;
  const stop = live.subscribe((result) => {
    told += 1;
    if (isRead && result.data.length === 0) throw new Error("there is data");
  });
  const times: number[] = [];
  for (let round = 0; round < CHANGES; round++) {
    const id = `t${random.below(SIZE)}`;
    const start = performance.now();
    change(id);
    standIn.flush();
    times.push(performance.now() - start);
  }
  stop();
  times.sort((left, right) => left - right);
  const at = (share: number): string => `${((times[Math.floor(times.length * share)] ?? 0) * 1000).toFixed(1)} µs`;
  process.stdout.write(`${name.padEnd(52)} p50 ${at(0.5).padStart(9)}  p99 ${at(0.99).padStart(9)}  told ${told}\n`);
}

const everything = new Query<Record<string, unknown>>(tasks);
const sorted = everything.where({ done: false }).orderBy("position");
const move = (id: string): void => standIn.set("tasks", id, { title: "Moved", done: false, position: random.next() });
const rename = (id: string): void => {
  const before = standIn.get("tasks", id);
  standIn.set("tasks", id, {
    title: `Renamed ${random.below(1000)}`,
    done: false,
    position: before?.["position"] ?? 0,
  });
};
const start = performance.now();
const first = new LiveQueries(standIn.context).of(sorted).data.length;
process.stdout.write(`first result of ${first} entities: ${(performance.now() - start).toFixed(0)} ms\n`);
measure("a value that is not sorted by", sorted, rename, false);
measure("a move to another place", sorted, move, false);
measure("a move to another place, first 50 read", sorted.limit(50), move, true);
measure("a move to another place, all 100,000 read", sorted, move, true);
