/**
 * Counts leaf tests from the event stream of `node:test`.
 *
 * The stream reports children before their parent, so that a test named as a parent by then is not a leaf. A suite or a
 * parent counts only when it failed by itself (a hook, an assertion of its own), not through a child. A file is reported
 * as a test only when it fails outside every test: it cannot be loaded, exits early, or takes too long.
 */
import { inspect } from "node:util";

/** The fields of `test:start`, `test:pass` and `test:fail` that are used. `entryFile` is absent for the file itself. */
export interface TestReport {
  readonly name: string;
  readonly testId?: number | undefined;
  readonly parentId?: number | undefined;
  readonly entryFile?: string | undefined;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  readonly details?: { readonly type?: string | undefined; readonly error?: unknown } | undefined;
}

export interface Failure {
  readonly entryFile: string;
  /** Names from the outermost suite to the test. */
  readonly path: readonly string[];
  readonly where: string;
  readonly text: string;
}

export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;
  readonly failures: Failure[] = [];
  readonly testsPerFile: Map<string, number> = new Map();
  readonly #started = new Map<string, TestReport>();
  readonly #parents = new Set<string>();

  start(report: TestReport): void {
    this.#started.set(keyOf(report), report);
    this.#parents.add(keyOf(report, report.parentId));
  }

  pass(report: TestReport): void {
    const isFile = report.entryFile === undefined;
    if (isFile || this.#holdsOthers(report)) return;
    this.#countInFile(report);
    if (isGiven(report.skip) || isGiven(report.todo)) this.skipped += 1;
    else this.passed += 1;
  }

  /** Counts a failure and describes it; undefined when it only repeats the failure of a child. */
  fail(report: TestReport): Failure | undefined {
    if (isGiven(report.todo)) {
      this.pass(report);
      return undefined;
    }
    const error = report.details?.error;
    if (failureTypeOf(error) === "subtestsFailed") return undefined;
    this.failed += 1;
    this.#countInFile(report);
    const failure = {
      entryFile: fileOf(report),
      path: this.#pathOf(report),
      where: `${report.file ?? "?"}:${report.line ?? 1}`,
      text: describe(error),
    };
    this.failures.push(failure);
    return failure;
  }

  /** The end of a test run. Its last line is read by machines: what was skipped has a line of its own before it. */
  summary(): string {
    const skipped = this.skipped > 0 ? `${this.skipped} skipped\n` : "";
    return `${skipped}${this.passed} passed, ${this.failed} failed`;
  }

  #holdsOthers(report: TestReport): boolean {
    return report.details?.type === "suite" || this.#parents.has(keyOf(report));
  }

  #countInFile(report: TestReport): void {
    const file = fileOf(report);
    this.testsPerFile.set(file, (this.testsPerFile.get(file) ?? 0) + 1);
  }

  #pathOf(report: TestReport): string[] {
    const path = [report.name];
    let parent = this.#started.get(keyOf(report, report.parentId));
    while (parent !== undefined) {
      path.unshift(parent.name);
      parent = this.#started.get(keyOf(parent, parent.parentId));
    }
    return path;
  }
}

function fileOf(report: TestReport): string {
  return report.entryFile ?? report.file ?? report.name;
}

/** Test ids are unique within the process of one file; the file itself is numbered by another process. */
function keyOf(report: TestReport, testId = report.testId): string {
  return report.entryFile === undefined ? `file ${testId}` : `${report.entryFile} ${testId}`;
}

/** `skip` and `todo` are true or a reason; an empty reason is a reason too. */
function isGiven(mark: string | boolean | undefined): boolean {
  return mark !== undefined && mark !== false;
}

function failureTypeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "failureType" in error ? error.failureType : undefined;
}

function describe(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof Error) return inspect(cause, { colors: false, depth: 4 });
  return typeof cause === "string" ? cause : inspect(cause);
}
