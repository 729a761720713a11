/**
 * Version vectors with a floor (Parker et al., "Detection of Mutual Inconsistency in Distributed Systems", 1983; dots
 * after Preguiça et al., "Dotted Version Vectors", 2012).
 *
 * A *dot* is one `(device, counter)` and names one mutation. Because every admitted mutation also has an offset in its
 * tenant's log, a vector can say "everything up to offset `floor`" in one number and name only the dots above it. So a
 * vector stays small however many devices have written, and nothing is forgotten: folding a dot into the floor keeps
 * every answer of `covers` the same.
 *
 * What stays true: a vector covers a dot only if its holder has seen that mutation. Concurrent writes never look ordered.
 */
import { MAX_VECTOR_DOTS } from "../limits.ts";
import { type Counter, type DeviceId, type Epoch, type Offset, parseDeviceId, parseEpoch } from "../ids.ts";

/** One admitted mutation: who made it, its number there, and where the log has it. */
export interface Dot {
  readonly device: DeviceId;
  readonly counter: Counter;
  readonly offset: Offset;
}

/** What somebody has seen: everything up to `floor`, and for each device named, everything up to its counter. */
export interface VersionVector {
  readonly floor: Offset;
  readonly dots: ReadonlyMap<DeviceId, Counter>;
}

export const EMPTY_VECTOR: VersionVector = { floor: 0, dots: new Map() };

/** Whether the holder of `vector` has seen the mutation. */
export function covers(vector: VersionVector, dot: Dot): boolean {
  return dot.offset <= vector.floor || (vector.dots.get(dot.device) ?? 0) >= dot.counter;
}

/** The vector after also seeing everything that `other` has seen. */
export function mergeVectors(vector: VersionVector, other: VersionVector): VersionVector {
  const dots = new Map(vector.dots);
  for (const [device, counter] of other.dots) dots.set(device, Math.max(counter, dots.get(device) ?? 0));
  return { floor: Math.max(vector.floor, other.floor), dots };
}

/**
 * An entity's own vector: the dots that made its state, newest last. The log is ordered, so the state includes every
 * event up to the newest dot's offset; the dots name the devices, the floor stands for those that were folded.
 */
export interface EntityVector {
  readonly floor: Offset;
  readonly dots: readonly Dot[];
}

export const EMPTY_ENTITY_VECTOR: EntityVector = { floor: 0, dots: [] };

/** Adds a dot that is newer than all others; dots beyond `maxDots` fold into the floor, the oldest first. */
export function addDot(vector: EntityVector, dot: Dot, maxDots: number = MAX_VECTOR_DOTS): EntityVector {
  const dots = vector.dots.filter((known) => known.device !== dot.device);
  dots.push(dot);
  let floor = vector.floor;
  while (dots.length > maxDots) {
    const oldest = dots.shift();
    if (oldest !== undefined) floor = Math.max(floor, oldest.offset);
  }
  return { floor, dots };
}

/** Folds the dots at or below an offset that every live device has integrated. */
export function foldVector(vector: EntityVector, stable: Offset): EntityVector {
  const dots = vector.dots.filter((dot) => dot.offset > stable);
  if (dots.length === vector.dots.length) return vector;
  const folded = vector.dots.filter((dot) => dot.offset <= stable).map((dot) => dot.offset);
  return { floor: Math.max(vector.floor, ...folded), dots };
}

/** What a reader of the entity's current state has seen of it. */
export function seenThrough(vector: EntityVector): VersionVector {
  const newest = vector.dots.at(-1)?.offset ?? 0;
  return {
    floor: Math.max(vector.floor, newest),
    dots: new Map(vector.dots.map((dot) => [dot.device, dot.counter])),
  };
}

/**
 * A version as text, for HTTP and for people: `epoch.floor` and then `~device:counter` for each dot.
 * A checkpoint is the same text without dots. Applications treat both as opaque.
 */
export function formatVersion(epoch: Epoch, vector: VersionVector): string {
  let text = `${epoch}.${vector.floor}`;
  for (const [device, counter] of vector.dots) text += `~${device}:${counter}`;
  return text;
}

const HEAD = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,63})\.(0|[1-9][0-9]{0,15})$/;
const DOT = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,63}):(0|[1-9][0-9]{0,15})$/;

/** Reads what `formatVersion` wrote; `null` for anything else. At most 256 dots. */
export function parseVersion(text: unknown): { epoch: Epoch; vector: VersionVector } | null {
  if (typeof text !== "string" || text.length > 32_768) return null;
  const [head = "", ...tail] = text.split("~");
  const match = HEAD.exec(head);
  const epoch = parseEpoch(match?.[1]);
  const floor = Number(match?.[2]);
  if (epoch === null || !Number.isSafeInteger(floor) || tail.length > 256) return null;
  const dots = new Map<DeviceId, Counter>();
  for (const part of tail) {
    const dot = DOT.exec(part);
    const device = parseDeviceId(dot?.[1]);
    const counter = Number(dot?.[2]);
    if (device === null || !Number.isSafeInteger(counter) || dots.has(device)) return null;
    dots.set(device, counter);
  }
  return { epoch, vector: { floor, dots } };
}
