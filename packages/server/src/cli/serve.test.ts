/** `tidelock serve`: what a configuration may say, and what is said of each mistake in it. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CliProcess, projectFolder, ROOT, run } from "./cli-process.fixture.ts";

const SCHEMA = `
import { collection, defineSchema, field } from "@tidelock/core";
export const schema = defineSchema({ version: 1, collections: { tasks: collection({ title: field.string() }) } });
`;
const SECRET = "0123456789abcdef0123456789abcdef";

function configFile(entries: string): string {
  return `
    import { defineConfig } from "@tidelock/server";
    import { schema } from "./tidelock.schema.ts";
    export default defineConfig({ ${entries} });`;
}

/** Entries, and what is said of them. */
const MISTAKES: readonly (readonly [entries: string, message: string])[] = [
  ["", "schema is missing: it must be what `defineSchema` returned, or the path of a file that exports it"],
  ["schema: 42", "schema must be what `defineSchema` returned, or the path of a file that exports it, not 42"],
  ['schema, storage: "disk"', 'storage must be "memory" or { sqlite: "path of a data file" }, not "disk"'],
  ["schema, storage: {}", "storage.sqlite is missing: it must be the path of a data file"],
  ["schema, storage: { sqlite: 1 }", "storage.sqlite must be the path of a data file, not 1"],
  ["schema, storrage: {}", "storrage is not an entry. Did you mean storage?"],
  ["schema, xyz: 1", "xyz is not an entry. There are schema, storage, auth,"],
  ['schema, port: "80"', 'port must be a whole number from 0 to 65535, not "80"'],
  ["schema, port: 65536", "port must be a whole number from 0 to 65535, not 65536"],
  ['schema, host: ""', 'host must be a host name or an address, not ""'],
  ["schema, auth: { secret: 7 }", "auth.secret must be text that is not empty"],
  ['schema, auth: { jwks: "keys.json" }', "auth.jwks must be the https address of a key set"],
  ['schema, auth: { sekret: "x" }', "auth.sekret is not an entry. Did you mean secret"],
  ['schema, auth: { secretEnv: "A", secretFile: "b" }', "auth takes one of secretEnv, secretFile, not 2"],
  ["schema, auth: {}, authenticate: () => {}", "auth and authenticate exclude each other: keep one"],
  ['schema, authenticate: "yes"', 'authenticate must be a function, not "yes"'],
  ["schema, limits: { maxSesions: 1 }", "limits.maxSesions is not an entry. Did you mean maxSessions"],
  ["schema, limits: { maxSessions: 0 }", "limits.maxSessions must be a number above 0, not 0"],
  ["schema, limits: 5", "limits must be an object with helloTimeoutMs, "],
  ['schema, origins: "https://a.example"', 'origins must be "*" or a list of origins like "https://app.example.com"'],
  ['schema, origins: ["https://a.example/x"]', "origins must be"],
  ['schema, retention: { days: "7" }', 'retention.days must be a number from 0, not "7"'],
  ["schema, rules: { notes: {} }", "rules.notes names no collection of the schema. There is tasks."],
  ["schema, rules: { tasks: { raed: true } }", "rules.tasks.raed is not an entry. Did you mean read?"],
  ["schema, rules: { tasks: { read: true } }", "rules.tasks.read must be a function, not true"],
  ["schema, rules: { tasks: { reveiw: true } }", "rules.tasks.reveiw is not an entry. Did you mean review?"],
  ["schema, ruleTimeoutMs: 1.5", "ruleTimeoutMs must be a whole number from 0 to 10000, not 1.5"],
  ["schema, webhooks: {}", "webhooks must be a list of { url, secret or secretEnv, events }, not {}"],
  ["schema, webhooks: [7]", "webhooks[0] must be an object with url, secret or secretEnv, events"],
  ['schema, webhooks: [{ url: "x", secretEnv: "A" }]', "webhooks[0].url must be an address with http or https"],
  ['schema, webhooks: [{ url: "https://a.example" }]', "webhooks[0] needs one of secret, secretEnv"],
  ['schema, webhooks: [{ url: "https://a.example", secret: "x" }]', "webhooks[0].secret must be text of at least 24"],
  [
    'schema, auth: { secret: "0123456789abcdef0123456789abcdef" }, webhooks: [{ url: "https://a.example", secretEnv: "NONE" }]',
    "webhooks[0] needs a secret of at least 24 bytes in the environment variable NONE",
  ],
  ["schema, upgrade: { url: 'https://a.example' }", "upgrade.message is missing: it must be text that is not empty"],
];

describe("tidelock serve", { timeout: 240_000 }, () => {
  test("names the entry of every mistake and what it accepts", async (context) => {
    const files = MISTAKES.map(([entries], index) => [`${index}.config.ts`, configFile(entries)]);
    const folder = projectFolder(context, { "tidelock.schema.ts": SCHEMA, ...Object.fromEntries(files) });
    const check = async ([entries, message]: (typeof MISTAKES)[number], index: number): Promise<void> => {
      const { code, stderr } = await run(context, ["serve", "--config", `${index}.config.ts`], { cwd: folder });
      assert.equal(code, 1, entries);
      assert.equal(stderr.slice(0, stderr.indexOf("\n")).includes(message), true, `${entries}\n${stderr}`);
      assert.match(stderr, /^error config-invalid: \d+\.config\.ts: .+\nfix: .+\n$/);
    };
    await Promise.all(MISTAKES.map(check));
  });

  test("tells all mistakes at once, and never shows a secret", async (context) => {
    const config = configFile('schema, port: -1, auth: { secret: ["hunter2"] }, host: 5');
    const folder = projectFolder(context, { "tidelock.schema.ts": SCHEMA, "tidelock.config.ts": config });
    const { code, stderr } = await run(context, ["serve"], { cwd: folder });
    assert.equal(code, 1);
    assert.match(stderr, /^error config-invalid: tidelock\.config\.ts has 3 mistakes:\n( {2}\S.+\n){3}fix: /);
    assert.doesNotMatch(stderr, /hunter2/);
  });

  test("says what is wrong with the file itself", async (context) => {
    const folder = projectFolder(context, {
      "tidelock.schema.ts": SCHEMA,
      "none.ts": "export const a = 1;",
      "bad.json": '{ "schema": }',
      "list.json": "[]",
      "far.json": '{ "schema": "nowhere.ts" }',
      "short.json": `{ "schema": "tidelock.schema.ts", "auth": { "secret": "short" } }`,
    });
    const cases: readonly (readonly [file: string | null, message: RegExp])[] = [
      [null, /^error config-invalid: there is no tidelock\.config\.ts, \.js, \.mjs or \.json in this folder\nfix: /],
      ["none.ts", /^error config-invalid: none\.ts exports no configuration\nfix: Export it/],
      ["bad.json", /^error config-invalid: bad\.json is not JSON: /],
      ["list.json", /^error config-invalid: list\.json: the configuration must be an object, not \[\]/],
      ["far.json", /^error config-invalid: there is no file nowhere\.ts/],
      ["gone.ts", /^error config-invalid: there is no file gone\.ts/],
      ["short.json", /^error config-invalid: auth\.secret must have at least 32 bytes, not 5/],
    ];
    for (const [file, message] of cases) {
      const { code, stderr } = await run(context, ["serve", ...(file === null ? [] : ["--config", file])], {
        cwd: folder,
      });
      assert.match(stderr, message);
      assert.equal(code, 1);
    }
  });

  test("does not start without a way to verify tokens", async (context) => {
    const folder = projectFolder(context, {
      "tidelock.schema.ts": SCHEMA,
      "a.config.ts": configFile("schema"),
      "b.config.ts": configFile('schema, auth: { secretEnv: "MY_SECRET" }'),
      "c.config.ts": configFile('schema, auth: { secretFile: "secret.txt" }'),
      // Production does not read the secret of development.
      ".tidelock/dev-secret": `${SECRET}\n`,
    });
    const cases: readonly (readonly [file: string, message: RegExp])[] = [
      [
        "a.config.ts",
        /^error secret-missing: .*a\.config\.ts has no auth, and TIDELOCK_SECRET is not set\nfix: Set TIDELOCK_SECRET/,
      ],
      [
        "b.config.ts",
        /^error secret-missing: auth\.secretEnv names the environment variable MY_SECRET, which is not set\n/,
      ],
      ["c.config.ts", /^error config-invalid: c\.config\.ts: auth\.secretFile must be a file that can be read: /],
    ];
    for (const [file, message] of cases) {
      const { code, stderr } = await run(context, ["serve", "--config", file], { cwd: folder });
      assert.match(stderr, message);
      assert.equal(code, 1);
    }
  });

  test("starts from a configuration: storage beside it, secret of the environment, JSON lines", async (context) => {
    const folder = projectFolder(context, {
      "deploy/tidelock.schema.ts": SCHEMA,
      "deploy/tidelock.config.ts": configFile('schema, storage: { sqlite: "data/t.db" }, port: 0'),
    });
    const serve = new CliProcess(context, ["serve", "--config", "deploy/tidelock.config.ts", "--json"], {
      cwd: folder,
      env: { TIDELOCK_SECRET: SECRET },
    });
    const [line] = await serve.output(/^.*"msg":"ready".*$/m);
    const ready = JSON.parse(line);
    assert.deepEqual(ready.collections, ["tasks"]);
    assert.equal(ready.data, join(folder, "deploy/data/t.db"));
    assert.ok(existsSync(ready.data));
    const health = await fetch(`${ready.url}/readyz`);
    assert.equal(health.status, 200);
    const { code, stdout } = await serve.stop();
    assert.equal(code, 0);
    for (const each of stdout.trim().split("\n")) JSON.parse(each);
  });

  test("starts from the configuration in docs/CLI.md", async (context) => {
    const page = readFileSync(join(ROOT, "docs/CLI.md"), "utf8");
    const blocks = [...page.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)];
    assert.equal(blocks.length, 2);
    const files = blocks.map(([, name = "", content = ""]) => [name, content]);
    const folder = projectFolder(context, Object.fromEntries(files));
    const serve = new CliProcess(context, ["serve", "--port", "0"], { cwd: folder, env: { TIDELOCK_SECRET: SECRET } });
    await serve.output(/Data +data\/tidelock\.db\n/);
  });

  test("starts from JSON, and says to a person where it is", async (context) => {
    const config = { schema: "./tidelock.schema.ts", storage: "memory", auth: { secretFile: "secret" }, port: 0 };
    const folder = projectFolder(context, {
      "tidelock.schema.ts": SCHEMA,
      "tidelock.config.json": JSON.stringify(config),
      "secret": `${SECRET}\n`,
    });
    const serve = new CliProcess(context, ["serve"], { cwd: folder });
    await serve.output(/Tokens +verified with a shared secret\n/);
    assert.match(serve.stdout, /Sync +ws:\/\/localhost:\d+\/sync\n/);
    assert.equal((await serve.stop()).code, 0);
  });
});
