/**
 * What it costs to hand a commit to another thread: as objects, as one flat list of primitives, as one JSON text, and as
 * all texts joined with their lengths beside them. Building, structured clone both ways, and reading, in microseconds per
 * mutation; no thread and no disk.
 *
 *     node bench/storage-handover.bench.ts [rounds]
 */
import { performance } from "node:perf_hooks";
import { deserialize, serialize } from "node:v8";

interface Mutation {
  readonly remaining: number;
  readonly body: string;
  readonly collection: string;
  readonly id: string;
  readonly at: number;
  readonly row: string;
  readonly meta: string;
  readonly device: string;
  readonly counter: number;
  readonly name: string | null;
}
const TEXTS = ["body", "collection", "id", "row", "meta", "device"] as const;

function mutation(at: number): Mutation {
  const id = `0192aaaa-bbbb-7ccc-8ddd-${String(at % 10_000).padStart(12, "0")}`;
  const row = JSON.stringify([`a title of usual length ${at}`, false, 3, null, "ana"]);
  const meta = '[[["device-1",12345,12345,"0123456789abcdef"]],[["device-1",12345]],"ana@example.org"]';
  const body = JSON.stringify({
    at,
    kind: "updated",
    id,
    row,
    was: ["before"],
    changed: ["title"],
    time: 1_772_366_400_000,
  });
  return { remaining: 0, body, collection: "tasks", id, at, row, meta, device: "device-1", counter: at, name: null };
}

/** Each way as a function from a commit to what reading it gives, with the clone in between. */
const ways: Record<string, (commit: readonly Mutation[]) => number> = {
  objects(commit) {
    const read: Mutation[] = deserialize(serialize(commit));
    return read.reduce((sum, each) => sum + each.at + TEXTS.reduce((length, key) => length + each[key].length, 0), 0);
  },
  flat(commit) {
    const flat: Array<string | number | null> = [commit.length];
    for (const { remaining, body, collection, id, at, row, meta, device, counter, name } of commit) {
      flat.push(remaining, body, collection, id, at, row, meta, device, counter, name);
    }
    const read: typeof flat = deserialize(serialize(flat));
    let sum = 0;
    for (const value of read) sum += typeof value === "string" ? value.length : (value ?? 0);
    return sum;
  },
  json(commit) {
    const read: Mutation[] = JSON.parse(deserialize(serialize(JSON.stringify(commit))));
    return read.reduce((sum, each) => sum + each.at + TEXTS.reduce((length, key) => length + each[key].length, 0), 0);
  },
  joined(commit) {
    const texts: string[] = [];
    const numbers = new Float64Array(commit.length * 3);
    for (const [index, each] of commit.entries()) {
      numbers.set([each.remaining, each.at, each.counter], index * 3);
      texts.push(each.body, each.collection, each.id, each.row, each.meta, each.device);
    }
    const lengths = Uint32Array.from(texts, (text) => text.length);
    const read: [string, Uint32Array, Float64Array] = deserialize(serialize([texts.join(""), lengths, numbers]));
    let [sum, position] = [0, 0];
    for (const length of read[1]) {
      sum += read[0].slice(position, position + length).length;
      position += length;
    }
    return sum + read[2].length;
  },
};

const rounds = Number(process.argv[2] ?? 5);
for (const size of [1, 10, 100, 1000]) {
  const commits = Array.from({ length: 20 }, (_, index) =>
    Array.from({ length: size }, (_, offset) => mutation(index * size + offset)),
  );
  const repetitions = Math.ceil(20_000 / size / commits.length);
  const figures = Object.entries(ways).map(([name, way]) => {
    const times: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      const start = performance.now();
      for (let each = 0; each < repetitions; each++) for (const commit of commits) way(commit);
      times.push(((performance.now() - start) * 1000) / (repetitions * commits.length * size));
    }
    const sorted = times.slice(1).sort((left, right) => left - right);
    return `${name} ${sorted[sorted.length >> 1]?.toFixed(2)}`;
  });
  console.log(`${size} mutations: ${figures.join(", ")} µs per mutation`);
}
