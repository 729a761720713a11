/**
 * Everything that can be said about the code without running it: `npm run check`, or `npm run check -- lint types` for
 * some of it. Two steps run at a time; the output of a step is printed when it ends.
 */
import { spawn } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { styleText } from "node:util";

const root = join(import.meta.dirname, "..");

interface Step {
  readonly name: string;
  readonly program: string;
  readonly arguments: readonly string[];
}

/** The native compiler: its package's own file, because the alias of TypeScript 6 is what tools find as `typescript`. */
const tsc = "node_modules/@typescript/native/bin/tsc";

/** Every zone with the types that it really has; see the first line of each file. */
const projects = [
  "tsconfig.json",
  "tsconfig.pure.json",
  "tsconfig.browser.json",
  "packages/server/tsconfig.json",
  "packages/testkit/tsconfig.json",
  ...globSync("apps/*/tsconfig.json", { cwd: root }).sort(),
];

const layers = ["packages", "apps", "bench", "scripts", "tests"].filter((folder) => existsSync(join(root, folder)));

const steps: readonly Step[] = [
  { name: "format", program: "node_modules/oxfmt/bin/oxfmt", arguments: ["--check"] },
  { name: "lint", program: "node_modules/oxlint/bin/oxlint", arguments: [] },
  ...projects.map((project): Step => ({ name: `types ${project}`, program: tsc, arguments: ["-p", project] })),
  {
    name: "layers",
    program: "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs",
    arguments: [...layers, "--config", ".dependency-cruiser.mjs"],
  },
  { name: "tidy", program: "scripts/tidy.ts", arguments: [] },
  {
    name: "unused",
    program: "node_modules/knip/bin/knip.js",
    arguments: ["--no-progress", "--no-config-hints"],
  },
];

interface Outcome {
  readonly passed: boolean;
  readonly output: string;
}

function run(step: Step): Promise<Outcome> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [step.program, ...step.arguments], { cwd: root });
    let output = "";
    const keep = (bytes: Buffer): void => void (output += bytes.toString());
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => done({ passed: false, output: error.message }));
    child.on("close", (code) => done({ passed: code === 0, output }));
  });
}

const wanted = process.argv.slice(2);
const chosen = steps.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.startsWith(word)));
const waiting = chosen.values();
const failed: string[] = [];

async function work(): Promise<void> {
  for (const step of waiting) {
    const start = performance.now();
    const { passed, output } = await run(step);
    const mark = passed ? styleText("green", "✔") : styleText("red", "✖");
    console.log(`${mark} ${step.name} ${styleText("dim", `${Math.round(performance.now() - start)} ms`)}`);
    if (!passed) {
      failed.push(step.name);
      console.log(output.trimEnd());
    }
  }
}

await Promise.all([work(), work()]);
if (chosen.length === 0) console.log(`No such step; there are ${steps.map(({ name }) => name).join(", ")}.`);
if (failed.length > 0) console.log(`\nFailed: ${failed.join(", ")}. \`npm run format\` mends formatting.`);
process.exitCode = failed.length > 0 || chosen.length === 0 ? 1 : 0;
