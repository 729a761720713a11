/**
 * The benchmarks: `npm run bench`, all of them, or `npm run bench -- durable fanout`. `--quick` measures less and writes
 * nothing. Every figure stands beside its limit, measured in the same run; medians of several rounds.
 */
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median, thousands } from "./measure.ts";
import { coldStart } from "./suites/cold-start.ts";
import { manyWriters, settleCosts } from "./suites/conflicts.ts";
import { durable } from "./suites/durable.ts";
import { fanout } from "./suites/fanout.ts";
import { offlinePush } from "./suites/offline.ts";

interface Section {
  readonly title: string;
  readonly text: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, rounds: { type: "string", default: "5" } },
});
const rounds = values.quick ? 1 : Number(values.rounds);

async function repeat<Result>(run: () => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  for (let round = 0; round < rounds; round++) {
    results.push(await run());
    process.stderr.write(`  ${JSON.stringify(results.at(-1))}\n`);
  }
  return results;
}

function ratio(value: number, limit: number): string {
  return `${(value / limit).toFixed(2)}×`;
}

async function durableSection(): Promise<Section> {
  const results = await repeat(() => durable(values.quick ? 10_000 : 40_000));
  const of = (pick: (result: (typeof results)[number]) => number): number => median(results.map(pick));
  const lean = [of((result) => result.lean100), of((result) => result.lean1000)] as const;
  const indexed = [of((result) => result.indexed100), of((result) => result.indexed1000)] as const;
  const row = (name: string, value: number): string[] => [
    name,
    `${thousands(value)}/s`,
    `${ratio(value, indexed[0])} / ${ratio(value, indexed[1])}`,
    `${ratio(value, lean[0])} / ${ratio(value, lean[1])}`,
  ];
  return {
    title: "Durable mutations (P4, P5)",
    text: [
      "Updates of 10,000 entities by one device, each decided with conflict detection, recorded, fsynced before its answer, and seen by another device. The limits are node:sqlite alone in one process, one event, entity and dedupe row per mutation, synchronous=FULL, 100 / 1,000 mutations per commit: with a secondary index on the log, as in the published figures that the target refers to, and without, as this engine's storage writes.",
    ],
    rows: [
      ["", "rate", "of raw with index, 100 / 1,000", "of raw without, 100 / 1,000"],
      row("raw SQLite with index, 100 per commit", indexed[0]),
      row("raw SQLite with index, 1,000 per commit", indexed[1]),
      row("raw SQLite without, 100 per commit", lean[0]),
      row("raw SQLite without, 1,000 per commit", lean[1]),
      row(
        "engine, 1 mutation per push, 256 outstanding",
        of((result) => result.engine),
      ),
      row(
        "engine, 16 mutations per push, 4,096 outstanding",
        of((result) => result.engineWide),
      ),
      [
        "push on one device → delta on another, one at a time, p50 / p99",
        `${of((result) => result.latencyP50).toFixed(2)} / ${of((result) => result.latencyP99).toFixed(2)} ms`,
        "",
        "",
      ],
    ],
  };
}

async function fanoutSection(subscribers: number): Promise<Section> {
  const results = await repeat(() => fanout(subscribers, values.quick ? 1 : 3));
  const of = (pick: (result: (typeof results)[number]) => number): number => median(results.map(pick));
  const each = of((result) => result.rawEach);
  const turn = of((result) => result.rawTurn);
  const gentle = (
    name: string,
    pick: (result: (typeof results)[number]) => { p50: number; p99: number; cpu: number },
  ): string[] => [
    name,
    `${of((result) => pick(result).p50).toFixed(1)} / ${of((result) => pick(result).p99).toFixed(1)} ms`,
    `${of((result) => pick(result).cpu).toFixed(1)} µs`,
    ratio(
      of((result) => pick(result).cpu),
      of((result) => result.rawGentle.cpu),
    ),
  ];
  const row = (name: string, value: number): string[] => [
    name,
    `${thousands(value)}/s`,
    ratio(value, each),
    ratio(value, turn),
  ];
  return {
    title: `Fan-out to ${subscribers.toLocaleString("en")} subscribers (P1, P2)`,
    text: [
      `One publisher, 256 messages in flight, about 100 bytes each; then ${subscribers >= 1000 ? 20 : 100} messages a second. The engine's messages are durable mutations; the limits are raw \`ws\` broadcasts in memory.`,
    ],
    rows: [
      ["", "deliveries", "of one write each", "of gathered writes"],
      row("raw `ws`, one write per message", each),
      row("raw `ws`, gathered per loop turn", turn),
      row(
        "engine",
        of((result) => result.engine),
      ),
      ["**at a gentle rate**", "p50 / p99", "server CPU per delivery", "of raw"],
      gentle("raw `ws`, one write per message", (result) => result.rawGentle),
      gentle("engine", (result) => result.engineGentle),
    ],
  };
}

async function offlineSection(): Promise<Section> {
  const results = await repeat(() => offlinePush(10_000, 1_000));
  const of = (pick: (result: (typeof results)[number]) => number): string =>
    `${median(results.map(pick)).toFixed(0)} ms`;
  return {
    title: "Offline push: 10,000 mutations on 1,000 entities (P7)",
    text: [
      "Real clients; the writer's outbox is in SQLite on its disk. Each mutation is decided, durable and answered on its own.",
    ],
    rows: [
      ["", "time"],
      ["made offline, all on the device's disk", of((result) => result.localMs)],
      ["going online → another device has all", of((result) => result.pushMs)],
      ["going online → every mutation answered", of((result) => result.answeredMs)],
    ],
  };
}

async function coldSection(): Promise<Section> {
  const entities = values.quick ? 20_000 : 100_000;
  const result = await coldStart(entities, rounds);
  process.stderr.write(`  ${JSON.stringify(result)}\n`);
  return {
    title: `Cold start: ${entities.toLocaleString("en")} entities on a new device (P8)`,
    text: [
      "A new process each time: connect, authenticate, receive, and until every entity can be read; against an HTTP download and `JSON.parse` into a map.",
    ],
    rows: [
      ["", "time", "of the download"],
      ["HTTP download + JSON.parse", `${result.downloadMs.toFixed(0)} ms`, "1.00×"],
      [
        "engine, first device after the server's start",
        `${result.firstMs.toFixed(0)} ms`,
        ratio(result.firstMs, result.downloadMs),
      ],
      ["engine, later devices", `${result.nextMs.toFixed(0)} ms`, ratio(result.nextMs, result.downloadMs)],
      ["server CPU for a later device", `${result.serverCpuMs.toFixed(0)} ms`, ""],
    ],
  };
}

async function conflictsSection(): Promise<Section> {
  const path = await repeat(() => durable(values.quick ? 10_000 : 40_000));
  const mutationUs = 1e6 / median(path.map((result) => result.engineWide));
  const share = (us: number): string => `${((us / mutationUs) * 100).toFixed(1)} %`;
  const writers = [manyWriters(10), manyWriters(1000), manyWriters(3000)];
  return {
    title: "What conflicts cost",
    text: [
      "Settling one written field that meets no conflict, against a whole durable mutation of the same run (16 per push); then the stored form, beside its values, of one entity whose every field many devices wrote without having seen each other.",
    ],
    rows: [
      ["", "cost", "of the commit path"],
      ["a durable mutation, all of it", `${mutationUs.toFixed(1)} µs`, "100 %"],
      ...settleCosts().map(({ name, seenUs }) => [
        `settling a field: ${name}`,
        `${seenUs.toFixed(2)} µs`,
        share(seenUs),
      ]),
      ...writers.map(({ devices, metaBytes, conflicts }) => [
        `an entity that ${devices} devices wrote twice (${conflicts} conflicts)`,
        `${metaBytes} bytes`,
        "",
      ]),
    ],
  };
}

const SUITES: Readonly<Record<string, () => Promise<readonly Section[]>>> = {
  durable: async () => [await durableSection()],
  fanout: async () => [await fanoutSection(100), await fanoutSection(1000)],
  offline: async () => [await offlineSection()],
  cold: async () => [await coldSection()],
  conflicts: async () => [await conflictsSection()],
};

function table(rows: Section["rows"]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? "---" : "---:"))), ...body.map(line)].join("\n");
}

const wanted = positionals.length > 0 ? positionals : Object.keys(SUITES);
const unknown = wanted.filter((name) => !Object.hasOwn(SUITES, name));
if (unknown.length > 0) {
  console.error(`There is no suite ${unknown.join(", ")}. There are: ${Object.keys(SUITES).join(", ")}.`);
  process.exit(2);
}
const began = new Date();
const load = loadavg()[0] ?? 0;
const sections: Section[] = [];
for (const name of wanted) {
  process.stderr.write(`${name}\n`);
  sections.push(...((await SUITES[name]?.()) ?? []));
}
const document = [
  "# Benchmark results",
  "",
  `Made by \`npm run bench${positionals.length > 0 ? ` -- ${positionals.join(" ")}` : ""}\` on ${began.toISOString().slice(0, 10)}: Node ${process.versions.node}, ${cpus().length} cores, load ${load.toFixed(1)} before the start, medians of ${rounds} rounds. Server and load are separate processes on one machine, so only ratios within one table mean something.`,
  ...sections.flatMap((section) => ["", `## ${section.title}`, "", ...section.text, "", table(section.rows)]),
  "",
].join("\n");
console.log(document);
if (!values.quick && positionals.length === 0) writeFileSync(join(import.meta.dirname, "RESULTS.md"), document);
