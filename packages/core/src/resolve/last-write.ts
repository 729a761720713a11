/** Who wrote last: the order of two writes by stamp, and what follows from it for values and for whole entities. */
import type { FieldWrite } from "../mutation/entity.ts";
import { nextStamp, type Stamp } from "../time/hlc.ts";
import type { Contender, Decision } from "./decision.ts";

const VERSION = 1;

/** A write that had seen its predecessor stands, and its stamp is later than the predecessor's, whatever the clocks say. */
export function stampAfter(stamp: Stamp, last: Pick<FieldWrite, "stamp"> | undefined): Stamp {
  return last === undefined || stamp > last.stamp ? stamp : nextStamp(last.stamp);
}

/** Greatest stamp wins; equal stamps are told apart by device id, so that there is always exactly one winner. */
export function lastWriteWins(field: string, current: Contender, incoming: Contender): Decision {
  const winner = laterWrite(current, incoming);
  const { device, value } = winner === "incoming" ? incoming : current;
  const reason =
    current.stamp === incoming.stamp
      ? `both were written at the same time; the device id ${device} is greater`
      : `the write of device ${device} is later`;
  return { field, policy: "lww", policyVersion: VERSION, winner, value, reason, current, incoming };
}

/** Order of two writes by stamp, then device id. */
export function laterWrite(
  current: Pick<Contender, "stamp" | "device">,
  incoming: Pick<Contender, "stamp" | "device">,
): "current" | "incoming" {
  if (incoming.stamp !== current.stamp) return incoming.stamp > current.stamp ? "incoming" : "current";
  return incoming.device > current.device ? "incoming" : "current";
}

/** An update met a delete, neither of whose authors had seen the other: what the collection's `onDelete` says. */
export function settleDelete(
  policy: "delete-wins" | "update-wins" | "review",
  deleted: "current" | "incoming",
  current: Contender,
  incoming: Contender,
): Decision {
  const updated = deleted === "current" ? "incoming" : "current";
  const winner = policy === "review" ? "review" : policy === "delete-wins" ? deleted : updated;
  return {
    field: null,
    policy,
    policyVersion: VERSION,
    winner,
    value: null,
    reason: REASONS[policy][deleted],
    current,
    incoming,
  };
}

const REASONS = {
  "delete-wins": {
    current: "the entity had been deleted when this update arrived; deleted stays deleted",
    incoming: "the entity was deleted by a device that had not seen these changes; deleted stays deleted",
  },
  "update-wins": {
    current: "the entity had been deleted by a device that had not seen this update; it is back",
    incoming: "the entity was updated by a device that had not seen this delete; it stays",
  },
  "review": {
    current: "the entity had been deleted when this update arrived; a person decides whether it comes back",
    incoming: "the entity was updated while another device deleted it; a person decides whether it goes",
  },
} as const;
