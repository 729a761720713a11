/** One thing that the doctor has looked at. */
export interface Check {
  /** What it is called in JSON; never changes. */
  readonly name: string;
  /** What it is called for people. */
  readonly label: string;
  readonly status: "ok" | "warn" | "fail";
  /** What was found. */
  readonly detail: string;
  /** What to do; `null` when all is well. */
  readonly next: string | null;
}

/** Makes the checks of one name. */
export function checkNamed(
  name: string,
  label: string,
): Record<Check["status"], (detail: string, next?: string) => Check> {
  const make =
    (status: Check["status"]) =>
    (detail: string, next?: string): Check => ({
      name,
      label,
      status,
      detail,
      next: next ?? null,
    });
  return { ok: make("ok"), warn: make("warn"), fail: make("fail") };
}
