/**
 * Who makes a change and what they had seen when they made it: all that merging depends on besides the change itself.
 * The log admits each mutation exactly once and an author's own in their order, so "had seen" is a causal order, and the
 * state after a set of changes is a function of that set, whatever the order in which concurrent ones arrived.
 *
 * Stamps decide only between concurrent operations. An operation whose author had seen others gets an *effective* stamp
 * above theirs, whatever the clocks say. That restores the property of Lamport's clocks (1978) on which last-writer-wins
 * and RGA rest: what was seen is earlier. (The last of all stamps has no successor. Admission gives stamps that lie ahead
 * of its clock new ones, so none comes near.)
 */
import type { JsonValue } from "../base/json.ts";
import type { Counter, DeviceId, Offset } from "../ids.ts";
import type { Contender, Side } from "../resolve/decision.ts";
import { nextStamp, type Stamp, ZERO_STAMP } from "../time/hlc.ts";
import { covers, type Dot, type VersionVector } from "../version/version-vector.ts";

export interface Author {
  readonly device: DeviceId;
  readonly counter: Counter;
  /** Of the event that carries the change. */
  readonly offset: Offset;
  /** The author's own earlier mutations are among its dots. */
  readonly seen: VersionVector;
  readonly stamp: Stamp;
}

/** One operation as memory keeps it: its author's dot and its effective stamp. */
export interface Operation extends Dot {
  readonly stamp: Stamp;
}

/** Two concurrent operations of which only one could take effect. */
export interface Contest {
  /** The operation that was in the log first; its `value` is a change that does it again. */
  readonly current: Contender;
  readonly incoming: Contender;
  /** Whose intent the field shows after the decision. */
  readonly winner: Side;
  readonly reason: string;
}

/** Whether the author had seen an operation. What the same change did before counts as seen. */
export function hasSeen(author: Author, operation: Dot): boolean {
  return (operation.device === author.device && operation.counter === author.counter) || covers(author.seen, operation);
}

/** `stamp`, or the one after the operation's when the author had seen it and it is not earlier. */
export function stampAbove(stamp: Stamp, operation: Operation, author: Author): Stamp {
  return operation.stamp >= stamp && hasSeen(author, operation) ? nextStamp(operation.stamp) : stamp;
}

/** The order of operations by effective stamp, then device, then the device's own order. Total. */
export function compareOperations(left: Operation, right: Operation): number {
  if (left.stamp !== right.stamp) return left.stamp < right.stamp ? -1 : 1;
  if (left.device !== right.device) return left.device < right.device ? -1 : 1;
  return left.counter - right.counter;
}

export function contender({ device, counter, offset, stamp }: Operation, value: JsonValue): Contender {
  return { device, counter, user: null, offset, seen: null, stamp, value };
}

/**
 * The author of what a field held before it had a memory: earlier than everything, seen by everyone. (A row's create has
 * been seen by everyone who writes to the row.) The empty id is no device's.
 */
export const BEFORE_MEMORY: Operation = { device: "" as DeviceId, counter: 0, offset: 0, stamp: ZERO_STAMP };

/** An operation in memory; its device is a position in the memory's list of devices. */
export type OperationRow = readonly [stamp: Stamp, device: number, counter: Counter, offset: Offset];

export function readOperation(row: OperationRow, devices: readonly DeviceId[]): Operation {
  const [stamp, device, counter, offset] = row;
  return { stamp, device: devices[device] ?? BEFORE_MEMORY.device, counter, offset };
}

/** Writes operations as rows and collects the devices that they name, in the order of their first use. */
export class OperationWriter {
  readonly #positions = new Map<DeviceId, number>();

  row({ stamp, device, counter, offset }: Operation): OperationRow {
    return [stamp, this.position(device), counter, offset];
  }

  /** Where the list of devices has this one. */
  position(device: DeviceId): number {
    const known = this.#positions.get(device);
    if (known !== undefined) return known;
    const position = this.#positions.size;
    this.#positions.set(device, position);
    return position;
  }

  get devices(): readonly DeviceId[] {
    return [...this.#positions.keys()];
  }
}
