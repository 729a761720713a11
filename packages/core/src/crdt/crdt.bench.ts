/**
 * What one change costs on the server: a set of 100 elements, a list of 100 items, each with a memory that has been
 * written to for a while. Without the text of the memory, which costs about as much again to parse and to write. Run it
 * with `node --conditions=@tidelock/source packages/core/src/crdt/crdt.bench.ts`.
 */
import { performance } from "node:perf_hooks";
import type { JsonValue } from "../base/json.ts";
import { seededRandom } from "../base/random.ts";
import { type DeviceId, parseDeviceId } from "../ids.ts";
import { makeStamp } from "../time/hlc.ts";
import type { Author } from "./author.ts";
import { changeSet } from "./element-set.ts";
import { changeList } from "./item-list.ts";
import type { ListOperation } from "./list-change.ts";

const CHANGES = 5000;
const random = seededRandom(1);
const DEVICES = Array.from({ length: 8 }, (_, index) => parseDeviceId(`0198c1de-0000-7000-8000-00000000000${index}`));

type Change = (
  memory: JsonValue | undefined,
  value: JsonValue,
  author: Author,
) => ReturnType<typeof changeList | typeof changeSet>;

/** @param behind how many events an author has not seen yet, at most */
function measure(name: string, before: JsonValue, behind: number, change: Change): void {
  let memory: JsonValue | undefined;
  let value = before;
  const times: number[] = [];
  for (let offset = 1; offset <= CHANGES; offset++) {
    const device = DEVICES[random.below(8)] as DeviceId;
    const floor = Math.max(0, offset - 1 - random.below(behind + 1));
    const seen = { floor, dots: new Map([[device, offset - 1]]) };
    const stamp = makeStamp(1_700_000_000_000 + offset - random.below(behind + 1), 0);
    const start = performance.now();
    const result = change(memory, value, { device, counter: offset, offset, seen, stamp });
    times.push(performance.now() - start);
    if ("problem" in result) throw new Error(result.problem);
    ({ memory, value } = result);
  }
  const text = JSON.stringify(memory);
  const start = performance.now();
  for (let round = 0; round < 200; round++) JSON.parse(JSON.stringify(memory));
  const through = ((performance.now() - start) / 200) * 1000;
  const kept = times.slice(CHANGES / 5).sort((left, right) => left - right);
  const at = (share: number): string => `${((kept[Math.floor(kept.length * share)] ?? 0) * 1000).toFixed(1)} µs`;
  process.stdout.write(
    `${name.padEnd(44)} p50 ${at(0.5).padStart(9)}  p99 ${at(0.99).padStart(9)}` +
      `  memory ${text.length} characters, to text and back ${through.toFixed(0)} µs\n`,
  );
}

const labels = Array.from({ length: 100 }, (_, index) => `label ${index}`);
const toggle: Change = (memory, value, author) => {
  const element = labels[random.below(100)] ?? "";
  const change = random.below(5) === 0 ? { remove: [element] } : { add: [element] };
  return changeSet(memory, value, change, author, "remove");
};
measure("set of 100, one element, all seen", labels, 0, toggle);
measure("set of 100, one element, up to 20 behind", labels, 20, toggle);

const items = Array.from({ length: 100 }, (_, index) => ({
  id: `0198c1de-0000-7000-9000-000000000${String(index).padStart(3, "0")}`,
  title: `Step ${index}`,
  done: false,
}));
const idAt = (index: number): string => items[index]?.id ?? "";
const doing =
  (operation: (id: string, other: string) => ListOperation): Change =>
  (memory, value, author) => {
    const at = random.below(100);
    return changeList(memory, value, { ops: [operation(idAt(at), idAt((at + 1 + random.below(99)) % 100))] }, author);
  };
const edit = doing((id) => ["edit", id, { done: random.below(2) === 0 }]);
const move = doing((id, other) => ["move", id, other]);
const mixed: Change = (memory, value, author) => (random.below(2) === 0 ? edit : move)(memory, value, author);
measure("list of 100, edit, all seen", items, 0, edit);
measure("list of 100, move, all seen", items, 0, move);
measure("list of 100, edit or move, up to 20 behind", items, 20, mixed);
