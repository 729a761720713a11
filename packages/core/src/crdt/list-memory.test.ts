import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonValue } from "../base/json.ts";
import { seededRandom } from "../base/random.ts";
import { type DeviceId, parseDeviceId } from "../ids.ts";
import { makeStamp } from "../time/hlc.ts";
import type { Author } from "./author.ts";
import { changeList } from "./item-list.ts";
import type { ListChange, ListItem } from "./list-change.ts";
import { readMemory, writeMemory } from "./list-memory.ts";

const A = parseDeviceId("a")!;
const B = parseDeviceId("b")!;

function by(device: DeviceId, offset: number, floor: number): Author {
  return { device, counter: offset, offset, seen: { floor, dots: new Map() }, stamp: makeStamp(offset, 0) };
}

class List {
  memory: JsonValue | undefined = undefined;
  value: readonly ListItem[];
  offset = 0;

  constructor(ids: readonly string[]) {
    this.value = ids.map((id) => ({ id }));
  }

  /** By an author who is behind by some events. */
  change(change: ListChange, lag = 0, device = A): ReturnType<typeof changeList> {
    const offset = this.offset + 1;
    const result = changeList(this.memory, this.value, change, by(device, offset, Math.max(0, offset - 1 - lag)));
    if ("problem" in result) return result;
    this.offset = offset;
    this.memory = JSON.parse(JSON.stringify(result.memory));
    this.value = result.value;
    return result;
  }

  get characters(): number {
    return JSON.stringify(this.memory).length;
  }
  get slots(): number {
    return readMemory(this.memory, this.value).slots.length;
  }
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `i${index}`);

describe("the memory of a list", () => {
  test("of one that was made with its row names only what has been edited, until something else happens", () => {
    const list = new List(ids(100));
    list.change({ ops: [["edit", "i5", { done: true }]] });
    assert.deepEqual(list.memory, [[A], 0, [["i5", [["done", makeStamp(1, 0), 0, 1, 1]]]], [], [], []]);
    list.change({ ops: [["insert", "x", "i5", {}]] });
    assert.equal((list.memory as JsonValue[][])[3]?.length, 101);
  });

  test("gives way to a value that was put there otherwise: its items were there before", () => {
    const list = new List(ids(3));
    list.change({ ops: [["remove", "i0"]] });
    for (const value of [ids(3), ids(1), ["i1"], ["i1", "i2", "x"], []].map((all) => all.map((id) => ({ id })))) {
      const { slots, items } = readMemory(list.memory, value);
      assert.deepEqual(
        slots.map(({ item }) => item.id),
        value.map(({ id }) => id),
      );
      assert.equal(items.size, value.length);
    }
    assert.equal(readMemory(list.memory, list.value).items.size, 3);
  });

  test("is read as it was written", () => {
    const random = seededRandom(7);
    const list = new List(ids(5));
    for (let round = 0; round < 300; round++) {
      const id = list.value[random.below(list.value.length)]?.id ?? "none";
      const fresh: ListChange = { ops: [["insert", `n${random.below(9)}`, null, { a: round }]] };
      const known: ListChange[] = [
        { ops: [["move", id, null]] },
        { ops: [["edit", id, { a: round }]] },
        { ops: [["remove", id]] },
      ];
      list.change(id === "none" ? fresh : ([fresh, ...known][random.below(4)] ?? fresh), random.below(4));
      assert.deepEqual(writeMemory(readMemory(list.memory, list.value)), list.memory);
    }
  });

  test("stays bounded while items move, and no move disturbs what others see", () => {
    const list = new List(ids(20));
    for (let round = 0; round < 1000; round++) {
      list.change({ ops: [["move", `i${round % 20}`, `i${(round + 7) % 20}`]] });
      assert.equal(list.value.length, 20);
      const at = list.value.findIndex(({ id }) => id === `i${(round + 7) % 20}`);
      assert.equal(list.value[at + 1]?.id, `i${round % 20}`);
    }
    assert.equal(list.slots, 20 + 20 + 128);
    assert.ok(list.characters < 10_000, `${list.characters} characters`);
  });

  test("keeps the places that were left last, for those who are a little behind", () => {
    const list = new List(["p", "q", "r"]);
    for (let round = 0; round < 200; round++) list.change({ ops: [["move", "p", round % 2 === 0 ? "q" : "r"]] });
    assert.deepEqual(list.value.map(({ id }) => id).join(""), "qrp");
    list.change({ ops: [["insert", "x", "p", {}]] }, 1, B);
    assert.deepEqual(list.value.map(({ id }) => id).join(""), "qxrp");
  });

  test("does not keep long values that were superseded; to assign one again is an edit then, and recorded", () => {
    const list = new List(["p"]);
    const long = (letter: string): string => letter.repeat(2000);
    for (const letter of "abcdefgh") list.change({ ops: [["edit", "p", { text: long(letter) }]] });
    assert.ok(list.characters < 1000, `${list.characters} characters`);
    const result = list.change([{ id: "p", text: long("g") }], 1, B);
    assert.ok("contests" in result && result.contests.length === 1);
  });

  test("forgets the removals that are oldest; the late edit of one is refused, never lost in silence", () => {
    const list = new List(["p", ...ids(300)]);
    for (const id of ids(300)) list.change({ ops: [["remove", id]] });
    assert.equal(list.slots, 1 + 128);
    assert.ok(list.characters < 12_000, `${list.characters} characters`);
    assert.deepEqual(list.change({ ops: [["edit", "i3", { a: 1 }]] }, 300, B), {
      problem: "has no item i3 to edit (what was removed up to offset 172 is forgotten)",
    });
    const known = list.change({ ops: [["edit", "i250", { a: 1 }]] }, 300, B);
    assert.ok("contests" in known && known.contests.length === 1);
    const again = list.change({ ops: [["insert", "i3", "p", { a: 1 }]] }, 300, B);
    assert.ok("value" in again);
    assert.deepEqual(again.value, [{ id: "p" }, { id: "i3", a: 1 }]);
  });

  test("stays bounded while everything happens for long, and long values are not kept twice", () => {
    const random = seededRandom(11);
    const list = new List([]);
    let most = 0;
    for (let round = 0; round < 3000; round++) {
      const item = list.value[random.below(list.value.length)];
      const roll = random.below(10);
      const text = "x".repeat(random.below(50) === 0 ? 5000 : 20);
      if (item === undefined || (roll < 3 && list.value.length < 100)) {
        list.change({ ops: [["insert", `n${round}`, item?.id ?? null, { text, done: false }]] }, random.below(50));
      } else if (roll < 5) list.change({ ops: [["remove", item.id]] }, 0);
      else if (roll < 7) list.change({ ops: [["move", item.id, null]] }, 0);
      else list.change({ ops: [["edit", item.id, { text }]] }, 0);
      most = Math.max(most, list.characters);
    }
    assert.ok(list.value.length > 10);
    assert.ok(most < 60_000, `${most} characters`);
  });
});
