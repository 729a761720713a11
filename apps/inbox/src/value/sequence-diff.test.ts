import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { diffSequences } from "./sequence-diff.ts";
import { diffLines, diffText, MAX_COMPARED_LENGTH } from "./text-diff.ts";

const item = fc.constantFrom("a", "b", "c", "d");
const sequence = fc.array(item, { maxLength: 30 });

describe("the difference of two sequences", () => {
  test("leads from the one to the other, and back", () => {
    fc.assert(
      fc.property(sequence, sequence, (before, after) => {
        const runs = diffSequences(before, after);
        const side = (kind: string): string[] => runs.flatMap((run) => (run.kind === kind ? [] : run.items));
        assert.deepEqual(side("added"), before);
        assert.deepEqual(side("removed"), after);
      }),
    );
  });

  test("is as short as it can be", () => {
    fc.assert(
      fc.property(sequence, sequence, (before, after) => {
        const kept = diffSequences(before, after)
          .filter(({ kind }) => kind === "same")
          .reduce((sum, { items }) => sum + items.length, 0);
        assert.equal(kept, longestCommon(before, after));
      }),
    );
  });

  test("has no empty runs, and of neighbours never two of a kind", () => {
    fc.assert(
      fc.property(sequence, sequence, (before, after) => {
        const runs = diffSequences(before, after);
        for (const [index, { kind, items }] of runs.entries()) {
          assert.ok(items.length > 0);
          assert.notEqual(kind, runs[index - 1]?.kind);
        }
      }),
    );
  });

  test("gives up where everything is different, and says so with one removal and one insertion", () => {
    const before = Array.from({ length: 5_000 }, (_, index) => `old ${index}`);
    const after = Array.from({ length: 5_000 }, (_, index) => `new ${index}`);
    assert.deepEqual(
      diffSequences(["same", ...before], ["same", ...after]).map(({ kind, items }) => [kind, items.length]),
      [
        ["same", 1],
        ["removed", 5_000],
        ["added", 5_000],
      ],
    );
  });
});

function longestCommon(left: readonly string[], right: readonly string[]): number {
  const lengths = Array.from({ length: left.length + 1 }, () => Array.from({ length: right.length + 1 }, () => 0));
  for (let x = left.length - 1; x >= 0; x -= 1) {
    for (let y = right.length - 1; y >= 0; y -= 1) {
      lengths[x]![y] =
        left[x] === right[y] ? 1 + lengths[x + 1]![y + 1]! : Math.max(lengths[x + 1]![y]!, lengths[x]![y + 1]!);
    }
  }
  return lengths[0]![0]!;
}

const SIGNS = { same: "", removed: "-", added: "+" };
const shown = (before: string, after: string): string[] | null =>
  diffText(before, after)?.map(({ kind, text }) => `${SIGNS[kind]}${text}`) ?? null;

describe("the difference of two texts", () => {
  test("is word by word", () => {
    assert.deepEqual(shown("the ramp at Holm is steep", "the ramp at Holm is too steep"), [
      "the ramp at Holm is ",
      "+too ",
      "steep",
    ]);
    assert.deepEqual(shown("two hours before departure", "four hours before departure"), [
      "-two",
      "+four",
      " hours before departure",
    ]);
  });

  test("takes blanks between changed words for part of the change", () => {
    assert.deepEqual(shown("one two three four five", "one zwei drei four five"), [
      "one ",
      "-two three",
      "+zwei drei",
      " four five",
    ]);
  });

  test("is not shown where there is little in common, nothing to see, or too much to read", () => {
    assert.equal(shown("Ferry leaves at nine", "Completely different words"), null);
    assert.equal(shown("same", "same"), null);
    assert.equal(shown("", "something"), null);
    assert.equal(shown("a".repeat(MAX_COMPARED_LENGTH + 1), "b"), null);
  });

  test("keeps times, amounts and words with signs in them whole", () => {
    assert.deepEqual(shown("leaves Sula at 13:10, for 24.50", "leaves Sula at 11:40, for 26.50"), [
      "leaves Sula at ",
      "-13:10",
      "+11:40",
      ", for ",
      "-24.50",
      "+26.50",
    ]);
  });

  test("keeps emoji and letters with accents whole", () => {
    assert.deepEqual(shown("crew 👩‍🚀 aboard", "crew 👩‍🔧 aboard"), ["crew ", "-👩‍🚀", "+👩‍🔧", " aboard"]);
  });

  test("leads from the one to the other, whatever they are", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 40 });
    const words = fc.array(fc.constantFrom("sea", " ", "\n", "tide", "é", "👩‍🚀"), { maxLength: 20 });
    const either = fc.oneof(
      text,
      words.map((list) => list.join("")),
    );
    fc.assert(
      fc.property(either, either, (before, after) => {
        const runs = diffText(before, after);
        if (runs === null) return;
        const side = (kind: string): string => runs.map((run) => (run.kind === kind ? "" : run.text)).join("");
        assert.equal(side("added"), before);
        assert.equal(side("removed"), after);
      }),
    );
  });

  test("of lines keeps lines whole", () => {
    assert.deepEqual(diffLines("{\n  a\n}", "{\n  b\n}"), [
      { kind: "same", text: "{\n" },
      { kind: "removed", text: "  a\n" },
      { kind: "added", text: "  b\n" },
      { kind: "same", text: "}\n" },
    ]);
  });
});
