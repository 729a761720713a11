/**
 * Policies: pure functions from two concurrent writes to one outcome. They depend on the writes alone, never on arrival
 * or on which side runs them, so every replica that meets the same writes decides the same.
 */
import type { PolicyName } from "../schema/field.ts";
import type { Contender, Decision, Side } from "./decision.ts";

const LWW_VERSION = 1;

/** Settles two concurrent writes to one field. */
export function resolveField(field: string, policy: PolicyName, current: Contender, incoming: Contender): Decision {
  switch (policy) {
    case "lww":
      return lastWriteWins(field, current, incoming);
  }
}

/** Greatest stamp wins; equal stamps are told apart by device id, so that there is always exactly one winner. */
function lastWriteWins(field: string, current: Contender, incoming: Contender): Decision {
  const winner = laterWrite(current, incoming);
  const reason =
    current.stamp === incoming.stamp
      ? `both were written at the same time; the device id ${winner === "incoming" ? incoming.device : current.device} is greater`
      : `the write of device ${winner === "incoming" ? incoming.device : current.device} is later`;
  return { field, policy: "lww", policyVersion: LWW_VERSION, winner, reason, current, incoming };
}

/** Order of two writes by stamp, then device id. */
export function laterWrite(
  current: Pick<Contender, "stamp" | "device">,
  incoming: Pick<Contender, "stamp" | "device">,
): Side {
  if (incoming.stamp !== current.stamp) return incoming.stamp > current.stamp ? "incoming" : "current";
  return incoming.device > current.device ? "incoming" : "current";
}

/** An update met a delete that its author had not seen, or the reverse: the delete stands. */
export function deleteWins(deleted: Side, current: Contender, incoming: Contender): Decision {
  return {
    field: null,
    policy: "delete-wins",
    policyVersion: 1,
    winner: deleted,
    reason:
      deleted === "current"
        ? "the entity had been deleted when this update arrived; deleted stays deleted"
        : "the entity was deleted by a device that had not seen these changes; deleted stays deleted",
    current,
    incoming,
  };
}
