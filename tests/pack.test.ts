/**
 * The four packages as a user gets them: packed, installed into a clean folder, imported by Node and read by TypeScript,
 * through every door of their `exports`.
 *
 * Works on a copy, so that it disturbs nobody's `dist`. Needs the npm registry for the packages' own dependencies.
 */
import assert from "node:assert/strict";
import { type ExecFileException, execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const root = join(import.meta.dirname, "..");
const names = ["core", "client", "server", "testkit"] as const;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly files: readonly string[];
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** Runs a program under this Node, without the settings that npm hands to its children. */
function run(cwd: string, program: string, ...arguments_: readonly string[]): Promise<string> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|command|config_(workspace|local_prefix))/i.test(name),
  );
  const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const env = { ...Object.fromEntries(kept), PATH: path, NODE_OPTIONS: "" };
  return new Promise((resolve, reject) => {
    const finish = (error: ExecFileException | null, stdout: string, stderr: string): void => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${arguments_.join(" ")} failed in ${cwd}\n${stdout}\n${stderr}`));
    };
    execFile(program, arguments_, { cwd, env, encoding: "utf8", maxBuffer: 32 * 1024 * 1024 }, finish);
  });
}

function isSource(path: string): boolean {
  return !["node_modules", "dist"].includes(basename(path));
}

/** The workspace without what was built in it; its packages see each other's copies. */
function copyWorkspace(to: string): void {
  for (const name of names) {
    const folder = join(root, "packages", name);
    cpSync(folder, join(to, "packages", name), { recursive: true, filter: isSource });
  }
  // The server brings a page along.
  cpSync(join(root, "apps/inbox"), join(to, "apps/inbox"), { recursive: true, filter: isSource });
  for (const file of ["tsconfig.base.json", "LICENSE", "scripts/build.ts"]) cpSync(join(root, file), join(to, file));
  writeFileSync(join(to, "package.json"), '{ "private": true, "type": "module" }\n');
  mkdirSync(join(to, "node_modules/@tidelock"), { recursive: true });
  for (const entry of readdirSync(join(root, "node_modules"))) {
    if (entry !== "@tidelock") symlinkSync(join(root, "node_modules", entry), join(to, "node_modules", entry));
  }
  for (const name of names) symlinkSync(join(to, "packages", name), join(to, "node_modules/@tidelock", name));
}

/** Import specifiers of all doors that lead to a module; patterns such as `./vectors/*` lead to data. */
function doorsOf(manifest: Manifest): string[] {
  const doors = Object.entries(manifest.exports).filter(
    ([door, target]) => typeof target !== "string" && !door.includes("*"),
  );
  return doors.map(([door]) => manifest.name + door.slice(1));
}

describe("The packed packages", { timeout: 240_000 }, () => {
  const manifests = names.map((name) => readManifest(join(root, "packages", name)));
  const doors = manifests.flatMap(doorsOf);
  const temporary = mkdtempSync(join(tmpdir(), "tidelock-pack-"));
  const workspace = join(temporary, "workspace");
  const user = join(temporary, "user");

  before(async () => {
    copyWorkspace(workspace);
    mkdirSync(user);
    const tarballs: Record<string, string> = {};
    for (const name of names) {
      const packed = await run(
        join(workspace, "packages", name),
        "npm",
        "pack",
        "--silent",
        "--pack-destination",
        user,
      );
      tarballs[`@tidelock/${name}`] = `file:${packed.trim().split("\n").at(-1)}`;
    }
    // Siblings depend on each other's version, which is found in no registry yet: the user's folder overrides it.
    const react = readManifest(join(root, "node_modules/react")).version;
    const manifest = { private: true, type: "module", dependencies: { ...tarballs, react }, overrides: tarballs };
    writeFileSync(join(user, "package.json"), JSON.stringify(manifest));
    await run(user, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline");
  });

  after(() => rmSync(temporary, { recursive: true, force: true }));

  test("can be imported through every door", async () => {
    const imports = doors.map((door) => `await import(${JSON.stringify(door)});`);
    writeFileSync(join(user, "import.mjs"), [...imports, 'console.log("imported");'].join("\n"));
    assert.equal((await run(user, process.execPath, "import.mjs")).trim(), "imported");
  });

  test("have types for every door", async () => {
    const imports = doors.map((door, index) => `import * as door${index} from ${JSON.stringify(door)};`);
    const uses = `export const doors: object[] = [${doors.map((_, index) => `door${index}`).join(", ")}];`;
    writeFileSync(join(user, "use.ts"), [...imports, uses].join("\n"));
    writeFileSync(join(user, "wrong.ts"), 'export const wrong: number = "text";\n');
    for (const name of ["@types/node", "undici-types", "@types/react", "csstype"]) {
      cpSync(join(root, "node_modules", name), join(user, "node_modules", name), { recursive: true });
    }
    const modules = ["--module", "NodeNext", "--target", "ES2024", "--lib", "ES2024,DOM", "--types", "node"];
    const options = ["--noEmit", "--strict", "--skipLibCheck", "false", ...modules];
    const tsc = join(root, "node_modules/@typescript/native/bin/tsc");
    const output = await run(user, process.execPath, tsc, ...options, "use.ts", "wrong.ts").catch(String);
    assert.match(output, /^wrong\.ts.*TS2322/m, "the mistake on purpose was not found");
    // Declarations are checked too, but those of other people's packages are not ours to mend.
    const ours = output.split("\n").filter((line) => /^(use\.ts|node_modules\/@tidelock\/)/.test(line));
    assert.deepEqual(ours, []);
  });

  test("have a command line that starts", async () => {
    const bins = manifests.flatMap(({ bin }) => Object.keys(bin ?? {}));
    assert.deepEqual(bins, ["tidelock"]);
    for (const bin of bins) await run(user, join(user, "node_modules/.bin", bin), "--help");
  });

  for (const [index, name] of names.entries()) {
    test(`hold what ${name} needs and nothing else`, async () => {
      const folder = join(user, "node_modules/@tidelock", name);
      const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
      assert.ok(files.includes("LICENSE"), "LICENSE is missing");
      // The page that the server brings along, and the licences of what is bundled in it.
      const page = files.filter((file) => /^dist[\\/]inbox[\\/](index\.html|LICENSES\.txt)$/.test(file));
      assert.equal(page.length, name === "server" ? 2 : 0);
      assert.deepEqual(
        files.filter((file) => /(^|[\\/])src[\\/]|\.(test|long|fuzz|bench)\.|tsconfig|\.tsbuildinfo/.test(file)),
        [],
      );
      // The source condition names files that only the workspace has; publint sees the package as its users do.
      const { messages, pkg } = await publint({ pkgDir: folder, level: "warning", pack: false });
      const found = messages.filter(({ path }) => !path.includes("@tidelock/source"));
      assert.deepEqual(
        found.map((message) => formatMessage(message, pkg, { color: false })),
        [],
      );
      assert.equal(readManifest(folder).version, manifests[index]?.version);
    });
  }
});
