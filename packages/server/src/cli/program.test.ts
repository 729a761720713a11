/** The program as a whole: help, versions, mistakes on the command line, colours, and the catalogue. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, test } from "node:test";
import { ERRORS } from "@tidelock/core";
import { projectFolder, ROOT, run } from "./cli-process.fixture.ts";

const COMMANDS = ["dev", "serve", "token", "tail", "conflicts", "reviews", "doctor", "explain"];
/** Commands of commands. Their section of docs/CLI.md stands below that of the first word, whose options they all have. */
const INNER = [
  ...["ls", "show", "explain", "restore"].map((command) => `conflicts ${command}`),
  ...["ls", "show", "assign", "decide"].map((command) => `reviews ${command}`),
];
const here = { cwd: tmpdir() };
// oxlint-disable-next-line no-control-regex -- it is what is looked for
const COLOUR = /\u001B\[/;

describe("tidelock", { timeout: 240_000 }, () => {
  test("prints its version", async (context) => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "packages/server/package.json"), "utf8"));
    const { stdout, code } = await run(context, ["--version"], here);
    assert.deepEqual({ stdout, code }, { stdout: `${version}\n`, code: 0 });
  });

  test("shows help for everything, and for nothing", async (context) => {
    for (const arguments_ of [[], ["--help"]]) {
      const { stdout, stderr, code } = await run(context, arguments_, here);
      assert.deepEqual({ stderr, code }, { stderr: "", code: 0 });
      assert.match(stdout, /^Usage: tidelock \[options\] \[command\]\n[^]*\nExamples:\n {2}tidelock /);
      for (const command of COMMANDS) assert.ok(stdout.includes(`\n  ${command} `), command);
    }
    for (const command of ["conflicts", "reviews"]) {
      const { stdout, code } = await run(context, [command], here);
      assert.equal(code, 0);
      assert.match(stdout, /^Usage: tidelock \w+ [^]*\nCommands:\n {2}ls [^]*\nExamples:\n {2}tidelock /);
    }
  });

  test("has examples for every command, and its options as docs/CLI.md has them", async (context) => {
    const page = readFileSync(join(ROOT, "docs/CLI.md"), "utf8");
    const documentedIn = (heading: string): string[] => {
      const section = page.split(`\n${heading}\n`)[1]?.split(/\n##/)[0] ?? "";
      return [...section.matchAll(/^\| `(--[^`]+)` \|/gm)].map(([, option]) => option ?? "");
    };
    const check = async (command: string): Promise<void> => {
      const { stdout, code } = await run(context, [...command.split(" "), "--help"], here);
      assert.equal(code, 0);
      assert.match(stdout, /\nExamples:\n {2}tidelock /);
      const options = [...stdout.matchAll(/^ {2}(--\S+( <\S+>)?)/gm)].map(([, option]) => option);
      const [outer = "", inner] = command.split(" ");
      const shared = documentedIn(`## tidelock ${outer}`);
      const own = inner === undefined ? [] : documentedIn(`### tidelock ${command}`);
      assert.deepEqual([...shared, ...own].sort(), options.sort(), command);
    };
    // Of a command of commands, only what these have is an option.
    const named = COMMANDS.filter((command) => !INNER.some((inner) => inner.startsWith(`${command} `)));
    await Promise.all([...named, ...INNER].map(check));
  });

  test("answers mistakes with exit code 2 and the next step", async (context) => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [
        ["tial"],
        /^error usage: unknown command 'tial'\nfix: Did you mean tail\? `tidelock --help` shows the commands\.\n$/,
      ],
      [
        ["dev", "--prot", "1"],
        /^error usage: unknown option '--prot'\nfix: Did you mean --port\? `tidelock dev --help` shows/,
      ],
      [
        ["dev", "--port", "x"],
        /^error usage: option '--port <number>' argument 'x' is invalid\nfix: Use a whole number from 0/,
      ],
      [["dev", "--port"], /^error usage: option '--port <number>' argument missing\nfix: `tidelock dev --help`/],
      [["dev", "extra"], /^error usage: too many arguments for 'dev'/],
      [["dev", "--memory", "--data", "x"], /^error usage: --memory and --data exclude each other\n/],
      [
        ["conflicts", "lss"],
        /^error usage: unknown command 'lss'\nfix: Did you mean ls\? `tidelock conflicts --help` shows the commands\.\n$/,
      ],
      [
        ["conflicts", "ls", "--limt", "1"],
        /^error usage: unknown option '--limt'\nfix: Did you mean --limit\? `tidelock conflicts ls --help` shows the options/,
      ],
      [["explain"], /^error usage: explain needs a code\nfix: `tidelock explain --list`/],
    ];
    for (const [arguments_, message] of cases) {
      const { stdout, stderr, code } = await run(context, arguments_, here);
      assert.deepEqual({ stdout, code }, { stdout: "", code: 2 }, arguments_.join(" "));
      assert.match(stderr, message);
    }
    const { stderr, code } = await run(context, ["dev"], { ...here, env: { PORT: "http" } });
    assert.equal(code, 2);
    assert.match(stderr, /^error usage: PORT is "http"\nfix: /);
  });

  test("tells errors as JSON to those who want JSON", async (context) => {
    const { stderr, code } = await run(context, ["explain", "tokn-expired", "--json"], here);
    const { error } = JSON.parse(stderr);
    assert.equal(code, 2);
    assert.deepEqual(Object.keys(error), ["code", "message", "fix", "retryable"]);
    assert.equal(error.code, "usage");
  });

  test("is coloured where that is wanted only", async (context) => {
    const plain = await run(context, ["explain", "--list"], here);
    assert.doesNotMatch(plain.stdout, COLOUR);
    const coloured = await run(context, ["explain", "--list"], { ...here, env: { FORCE_COLOR: "1" } });
    assert.match(coloured.stdout, COLOUR);
    const refused = await run(context, ["explain", "nothing"], { ...here, env: { NO_COLOR: "1" } });
    assert.doesNotMatch(refused.stderr, COLOUR);
  });

  test("runs from a checkout under whatever Node npx brings", async (context) => {
    const program = join(ROOT, "node_modules/.bin/tidelock");
    if (!existsSync(program)) return context.skip("the program is linked by npm install");
    // The folder of this Node is not looked into, so that npx is the system's where there is one.
    const path = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
    const folder = projectFolder(context, { secret: "0123456789abcdef0123456789abcdef\n" });
    const arguments_ = [
      "tidelock",
      "token",
      "--tenant",
      "demo",
      "--user",
      "u1",
      "--secret-file",
      join(folder, "secret"),
    ];
    const stdout = await new Promise<string>((resolve, reject) => {
      const env = { ...process.env, PATH: path.join(delimiter) };
      execFile("npx", ["--no-install", ...arguments_], { cwd: ROOT, env }, (error, text) =>
        error ? reject(error) : resolve(text),
      );
    });
    assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  });
});

describe("tidelock explain", { timeout: 240_000 }, () => {
  test("says what a code means, however it is written", async (context) => {
    const { message, fix } = ERRORS["token-expired"];
    for (const code of ["token-expired", "TOKEN_EXPIRED "]) {
      const { stdout } = await run(context, ["explain", code], here);
      assert.ok(stdout.startsWith("token-expired\n"));
      assert.ok(stdout.includes(message) && stdout.includes(fix) && stdout.includes("401"));
    }
  });

  test("has the whole catalogue", async (context) => {
    const { stdout } = await run(context, ["explain", "--list", "--json"], here);
    const { codes } = JSON.parse(stdout);
    assert.deepEqual(
      codes.map(({ code }: { code: string }) => code),
      Object.keys(ERRORS),
    );
    assert.deepEqual(Object.keys(codes[0]), ["code", "http", "retryable", "message", "fix"]);
    const list = await run(context, ["explain", "--list"], here);
    for (const code of Object.keys(ERRORS)) assert.match(list.stdout, new RegExp(`^${code} `, "m"));
  });

  test("suggests what was meant", async (context) => {
    const meant = { "tokne-expired": "token-expired", "port-used": "port-in-use", "secret": "secret-missing" };
    for (const [typed, code] of Object.entries(meant)) {
      const { stderr, code: exit } = await run(context, ["explain", typed], here);
      assert.match(stderr, new RegExp(`^error usage: there is no code "${typed}"\nfix: Did you mean [^?]*${code}`));
      assert.equal(exit, 2);
    }
  });
});
