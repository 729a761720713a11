/** The board as data: columns of cards in order, what a filter lets through, and where a card goes when it is dropped. */
import { type Status, STATUSES, type Task } from "../schema.ts";
import { positionBetween } from "./position.ts";

export interface Filter {
  readonly text: string;
  /** Cards with any of these; none means all. */
  readonly labels: readonly string[];
  readonly assignees: readonly string[];
}

export const NO_FILTER: Filter = { text: "", labels: [], assignees: [] };

export type Columns = Readonly<Record<Status, readonly Task[]>>;

/** @param tasks in order of their positions */
export function columnsOf(tasks: readonly Task[]): Columns {
  const columns: Record<Status, Task[]> = { backlog: [], todo: [], doing: [], review: [], done: [] };
  for (const task of tasks) columns[task.status].push(task);
  return columns;
}

export function isFiltering({ text, labels, assignees }: Filter): boolean {
  return text.trim() !== "" || labels.length > 0 || assignees.length > 0;
}

export function passes(task: Task, { text, labels, assignees }: Filter): boolean {
  if (labels.length > 0 && !labels.some((label) => task.labels.includes(label))) return false;
  if (assignees.length > 0 && !assignees.includes(task.assignee ?? "")) return false;
  const wanted = text.trim().toLowerCase();
  return wanted === "" || `${task.title}\n${task.notes}\n${task.labels.join("\n")}`.toLowerCase().includes(wanted);
}

/** The words in use, by how often and then by name. */
export function inUse(words: Iterable<string>): string[] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort(([one, many], [other, more]) => more - many || (one < other ? -1 : 1)).map(([word]) => word);
}

/**
 * The position ahead of card `before` in a column, or at its end; `null` when the card is there already.
 *
 * @param column all cards of the column in order, hidden ones too
 */
export function positionAhead(column: readonly Task[], moved: string, before: string | null): string | null {
  const current = column.findIndex(({ id }) => id === moved);
  const others = column.filter(({ id }) => id !== moved);
  const found = before === null ? -1 : others.findIndex(({ id }) => id === before);
  const index = found < 0 ? others.length : found;
  if (current === index) return null;
  return positionBetween(others[index - 1]?.position ?? null, others[index]?.position ?? null, Math.random);
}

/** The card that follows the last visible one: where “at the end” is while a filter hides cards. */
export function afterVisible(column: readonly Task[], visible: readonly Task[], moved: string): string | null {
  const last = visible.findLast(({ id }) => id !== moved);
  if (last === undefined) return null;
  const rest = column.slice(column.indexOf(last) + 1);
  return rest.find(({ id }) => id !== moved)?.id ?? null;
}

export function neighbourStatus(status: Status, step: 1 | -1): Status | null {
  return STATUSES[STATUSES.indexOf(status) + step] ?? null;
}
