/** Which rows are marked for a bulk action. Like the selection of a mail program: one by one, or from an anchor on. */
export interface Marking {
  readonly ids: ReadonlySet<string>;
  /** Where a range starts: the row that was marked last. */
  readonly anchor: string | null;
}

export const NOTHING_MARKED: Marking = { ids: new Set(), anchor: null };

export function toggled({ ids }: Marking, id: string): Marking {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return { ids: next, anchor: id };
}

/** Marks everything from the anchor to `id`, in the order of the list. Without an anchor, only `id`. */
export function markedTo(marking: Marking, id: string, order: readonly string[]): Marking {
  const [from, to] = [order.indexOf(marking.anchor ?? id), order.indexOf(id)];
  if (from < 0 || to < 0) return { ids: new Set([...marking.ids, id]), anchor: id };
  const range = order.slice(Math.min(from, to), Math.max(from, to) + 1);
  return { ids: new Set([...marking.ids, ...range]), anchor: marking.anchor ?? id };
}

/** Without the rows that are not there any more. The same object when all are. */
export function stillThere(marking: Marking, order: readonly string[]): Marking {
  const there = new Set(order);
  if ([...marking.ids].every((id) => there.has(id))) return marking;
  const ids = new Set([...marking.ids].filter((id) => there.has(id)));
  return { ids, anchor: marking.anchor !== null && there.has(marking.anchor) ? marking.anchor : null };
}
