/**
 * Assertions for invariants that only a bug of ours can break. Input from outside is never asserted: it is parsed, and
 * refused with a coded error.
 */
export class InvariantViolation extends Error {
  override readonly name = "InvariantViolation";
}

/** Stops the machine when an invariant is broken. The message says which one. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}

/** Marks a switch as exhaustive: it does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unreachable case: ${JSON.stringify(value)}`);
}
