/** A broken promise, found by a checker. The name of the check stands first wherever a run reports it. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly check: string;

  constructor(check: string, message: string) {
    super(`[${check}] ${message}`);
    this.check = check;
  }
}

/** Stops the run when a promise is broken. */
export function demand(holds: unknown, check: string, message: () => string): asserts holds {
  if (!holds) throw new Violation(check, message());
}
