/**
 * Runs the tests and prints, as the very last line, `N passed, N failed`.
 *
 *     npm test                                         everything but *.long.ts
 *     npm test -- packages/core                        files under a path
 *     npm test -- "packages/core/src/time/*.test.ts"   files that match a pattern
 *     npm test -- --only "a name"                      tests whose name contains the words
 *     npm run test:long                                the long suites, *.long.ts
 *
 * Counts are of leaf tests: a suite, or a test that only holds other tests, is not one. Skipped tests are counted apart.
 * Fails when a test fails, when a file cannot be loaded, and when nothing ran at all.
 */
import { globSync } from "node:fs";
import { matchesGlob, relative, resolve, sep } from "node:path";
import { run } from "node:test";
import { parseArgs, styleText } from "node:util";
import { type Failure, Tally } from "./test-tally.ts";

const root = resolve(import.meta.dirname, "..");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { long: { type: "boolean", default: false }, only: { type: "string" } },
});

function chooseFiles(): string[] {
  const ending = values.long ? "long.ts" : "test.ts";
  const places = ["packages/*/src", "apps/*", "bench", "scripts", "tests"];
  const patterns = places.flatMap((place) => [`${place}/**/*.${ending}`, `${place}/**/*.${ending}x`]);
  const exclude = (path: string): boolean => /(^|[\\/])(node_modules|dist)$/.test(path);
  const found = globSync(patterns, { cwd: root, exclude }).map(withSlashes);
  const wanted = positionals.map((path) => withSlashes(relative(root, resolve(path))));
  const isWanted = (file: string): boolean =>
    wanted.length === 0 || wanted.some((path) => file.startsWith(path) || matchesGlob(file, path));
  return [...new Set(found)].filter(isWanted).sort();
}

function withSlashes(path: string): string {
  return path.split(sep).join("/");
}

function printFailure({ path, where, text }: Failure): void {
  console.log(`\n${styleText("red", "✖")} ${styleText("bold", path.join(" › "))}`);
  console.log(styleText("dim", `  ${relative(root, where)}`));
  console.log(text.replaceAll(/^/gm, "  "));
}

const tally = new Tally();
const outputPerFile = new Map<string, string>();
const filesThatFailed = new Set<string>();

function noteOutput(file: string | undefined, message: string): void {
  if (file !== undefined) outputPerFile.set(file, (outputPerFile.get(file) ?? "") + message);
}

function noteFailure(failure: Failure | undefined): void {
  if (failure === undefined) return;
  filesThatFailed.add(failure.entryFile);
  printFailure(failure);
}

function endFile(file: string, durationMs: number): void {
  const output = outputPerFile.get(file);
  const failed = filesThatFailed.has(file);
  if (failed && output !== undefined) console.log(styleText("dim", `\n  output of the file:\n${output}`));
  outputPerFile.delete(file);
  const mark = failed ? styleText("red", "✖") : styleText("green", "✔");
  const counted = `${tally.testsPerFile.get(file) ?? 0} tests, ${Math.round(durationMs)} ms`;
  console.log(`${mark} ${relative(root, file)} ${styleText("dim", counted)}`);
}

async function runFiles(files: readonly string[]): Promise<void> {
  const events = run({
    cwd: root,
    files: files.map((file) => resolve(root, file)),
    concurrency: 2,
    timeout: values.long ? 3_600_000 : 300_000,
    execArgv: ["--conditions=@tidelock/source"],
    ...(values.only === undefined ? {} : { testNamePatterns: [values.only] }),
  });
  for await (const { type, data } of events) {
    if (type === "test:stdout" || type === "test:stderr") noteOutput(data.file, data.message);
    else if (type === "test:start") tally.start(data);
    else if (type === "test:pass") tally.pass(data);
    else if (type === "test:fail") noteFailure(tally.fail(data));
    else if (type === "test:summary" && data.file !== undefined) endFile(data.file, data.duration_ms);
  }
  for (const file of filesThatFailed) {
    const output = outputPerFile.get(file);
    if (output !== undefined) console.log(`\n${styleText("red", "✖")} ${relative(root, file)}\n${output}`);
  }
}

const files = chooseFiles();
if (files.length > 0) await runFiles(files);

if (tally.failures.length > 1) {
  console.log(`\n${styleText("bold", "Failed:")}`);
  for (const { path, where } of tally.failures) {
    console.log(`  ${path.join(" › ")}  ${styleText("dim", relative(root, where))}`);
  }
}
if (tally.passed + tally.failed === 0) console.log("No test ran.");
process.exitCode = tally.failed > 0 || tally.passed === 0 ? 1 : 0;
console.log(tally.summary());
