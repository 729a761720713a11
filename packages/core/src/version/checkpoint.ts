/**
 * A checkpoint is what a device has durably integrated: the epoch of a log and an offset in it. It only moves forward
 * within an epoch (promise G13); a checkpoint of another epoch says nothing about this log.
 */
import type { Epoch, Offset } from "../ids.ts";
import { EMPTY_VECTOR, formatVersion, parseVersion } from "./version-vector.ts";

export interface Checkpoint {
  readonly epoch: Epoch;
  readonly offset: Offset;
}

export function formatCheckpoint(checkpoint: Checkpoint): string {
  return formatVersion(checkpoint.epoch, { floor: checkpoint.offset, dots: EMPTY_VECTOR.dots });
}

/** A checkpoint from outside, or `null`. Dots are not accepted: they belong to versions. */
export function parseCheckpoint(text: unknown): Checkpoint | null {
  const version = parseVersion(text);
  if (version === null || version.vector.dots.size > 0) return null;
  return { epoch: version.epoch, offset: version.vector.floor };
}
