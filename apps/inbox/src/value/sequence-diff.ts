/**
 * What turns one sequence into another, with as few insertions and removals as there can be (Myers, "An O(ND) Difference
 * Algorithm and Its Variations", 1986, the greedy algorithm of section 4). Work and memory are bounded: sequences that
 * have too little in common are one removal and one insertion.
 */

export interface Run<Item> {
  readonly kind: "same" | "removed" | "added";
  readonly items: readonly Item[];
}

/** Insertions and removals, at most. The work grows with their square. */
const MAX_CHANGES = 400;

export function diffSequences<Item>(before: readonly Item[], after: readonly Item[]): ReadonlyArray<Run<Item>> {
  const head = commonLength(before, after, (items, index) => items[index]);
  const rest = [before.slice(head), after.slice(head)] as const;
  const tail = commonLength(rest[0], rest[1], (items, index) => items[items.length - 1 - index]);
  const [from, to] = [rest[0].slice(0, rest[0].length - tail), rest[1].slice(0, rest[1].length - tail)];
  const runs: Array<Run<Item>> = [
    { kind: "same", items: before.slice(0, head) },
    ...(shortestScript(from, to) ?? replaced(from, to)),
    { kind: "same", items: before.slice(before.length - tail) },
  ];
  return joined(runs);
}

function commonLength<Item>(
  left: readonly Item[],
  right: readonly Item[],
  at: (items: readonly Item[], index: number) => Item | undefined,
): number {
  const most = Math.min(left.length, right.length);
  let length = 0;
  while (length < most && at(left, length) === at(right, length)) length += 1;
  return length;
}

function replaced<Item>(from: readonly Item[], to: readonly Item[]): ReadonlyArray<Run<Item>> {
  return [
    { kind: "removed", items: from },
    { kind: "added", items: to },
  ];
}

/** `null` when there are more than `MAX_CHANGES`. */
function shortestScript<Item>(from: readonly Item[], to: readonly Item[]): ReadonlyArray<Run<Item>> | null {
  const most = Math.min(from.length + to.length, MAX_CHANGES);
  /** For each diagonal, how far into `from` its furthest path reaches; kept for each number of changes. */
  const furthest = new Map<number, number>([[1, 0]]);
  const kept: Array<ReadonlyMap<number, number>> = [];
  for (let changes = 0; changes <= most; changes += 1) {
    kept.push(new Map(furthest));
    for (let diagonal = -changes; diagonal <= changes; diagonal += 2) {
      const isDown = comesFromAbove(furthest, diagonal, changes);
      let x = isDown ? (furthest.get(diagonal + 1) ?? 0) : (furthest.get(diagonal - 1) ?? 0) + 1;
      while (x < from.length && x - diagonal < to.length && from[x] === to[x - diagonal]) x += 1;
      furthest.set(diagonal, x);
      if (x >= from.length && x - diagonal >= to.length) return traced(from, to, kept);
    }
  }
  return null;
}

function comesFromAbove(furthest: ReadonlyMap<number, number>, diagonal: number, changes: number): boolean {
  if (diagonal === -changes) return true;
  if (diagonal === changes) return false;
  return (furthest.get(diagonal - 1) ?? -1) < (furthest.get(diagonal + 1) ?? -1);
}

/** Walks back from the end, one change at a time. */
function traced<Item>(
  from: readonly Item[],
  to: readonly Item[],
  kept: ReadonlyArray<ReadonlyMap<number, number>>,
): ReadonlyArray<Run<Item>> {
  const runs: Array<Run<Item>> = [];
  let [x, y] = [from.length, to.length];
  for (let changes = kept.length - 1; changes > 0; changes -= 1) {
    const furthest = kept[changes] ?? new Map<number, number>();
    const diagonal = x - y;
    const isDown = comesFromAbove(furthest, diagonal, changes);
    const startX = furthest.get(isDown ? diagonal + 1 : diagonal - 1) ?? 0;
    const startY = startX - (isDown ? diagonal + 1 : diagonal - 1);
    const middleX = isDown ? startX : startX + 1;
    runs.push({ kind: "same", items: from.slice(middleX, x) });
    runs.push(
      isDown
        ? { kind: "added", items: to.slice(startY, startY + 1) }
        : { kind: "removed", items: from.slice(startX, startX + 1) },
    );
    [x, y] = [startX, startY];
  }
  runs.push({ kind: "same", items: from.slice(0, x) });
  return runs.reverse();
}

/** Neighbours of one kind are one run; of a change, what was removed comes first. */
function joined<Item>(runs: ReadonlyArray<Run<Item>>): ReadonlyArray<Run<Item>> {
  const result: Array<Run<Item>> = [];
  let removed: Item[] = [];
  let added: Item[] = [];
  const flush = (): void => {
    if (removed.length > 0) result.push({ kind: "removed", items: removed });
    if (added.length > 0) result.push({ kind: "added", items: added });
    [removed, added] = [[], []];
  };
  for (const { kind, items } of runs) {
    if (items.length === 0) continue;
    if (kind === "removed") removed.push(...items);
    else if (kind === "added") added.push(...items);
    else {
      flush();
      const last = result.at(-1);
      if (last?.kind === "same") result[result.length - 1] = { kind: "same", items: [...last.items, ...items] };
      else result.push({ kind, items });
    }
  }
  flush();
  return result;
}
