/** `tidelock dev` and `tidelock token` together: a server without configuration, and tokens that it accepts. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CliProcess, projectFolder, run, sendTask, startDev, tokenOf } from "./cli-process.fixture.ts";

const SCHEMA = `
import { collection, defineSchema, field } from "@tidelock/core";
export const schema = defineSchema({
  version: 1,
  collections: { notes: collection({ text: field.string(), kind: field.enum(["a", "b"]) }) },
});
`;

describe("tidelock dev", { timeout: 240_000 }, () => {
  test("starts without anything, and accepts what `tidelock token` prints", async (context) => {
    const server = await startDev(context);
    const token = await tokenOf(context, server.folder);
    const { status, body } = await sendTask(server, token, {
      temp_id: "t1",
      operation: "create",
      payload: { title: "Hello" },
    });
    assert.equal(status, 200);
    assert.match(JSON.stringify(body), /"outcome":"applied"/);
    for (const path of ["/healthz", "/readyz", "/metrics", "/openapi.json"]) {
      assert.equal((await fetch(server.url + path)).status, 200, path);
    }
    assert.ok(existsSync(join(server.folder, ".tidelock/dev.db")));
  });

  test("makes a secret that only its owner can read, and keeps it", async (context) => {
    const server = await startDev(context);
    const path = join(server.folder, ".tidelock/dev-secret");
    const secret = readFileSync(path, "utf8");
    assert.match(secret, /^[\w-]{43}\n$/);
    if (process.platform !== "win32") assert.equal(statSync(path).mode & 0o777, 0o600);
    await server.process.stop();
    await startDev(context, server.folder);
    assert.equal(readFileSync(path, "utf8"), secret);
  });

  test("says where everything is, with an example that works when it is pasted", async (context) => {
    const folder = projectFolder(context);
    const dev = new CliProcess(context, ["dev", "--port", "0"], { cwd: folder });
    await dev.output(/Stop with Ctrl\+C/);
    for (const path of ["/sync", "/sync/events", "/sync/reconcile", "/healthz", "/metrics", "/openapi.json"]) {
      assert.match(dev.stdout, new RegExp(`(ws|http)://localhost:\\d+${path}\n`));
    }
    assert.match(dev.stdout, /Schema +built in: tasks \(title, done, priority, assignee\)/);
    assert.match(dev.stdout, /Data +\.tidelock\/dev\.db/);
    assert.match(dev.stdout, /^http:\/\/localhost:\d+\/inbox\/#token=[\w-]+\.[\w-]+\.[\w-]+$/m);
    assert.match(dev.stdout, /Secret +\.tidelock\/dev-secret made just now/);
    const address = /^curl -s (\S+)/m.exec(dev.stdout)?.[1] ?? "";
    const headers = [...dev.stdout.matchAll(/-H '([^:]+): ([^']+)'/g)].map(([, name = "", value = ""]) => [
      name,
      value,
    ]);
    const body = /-d '(.*)'/.exec(dev.stdout)?.[1] ?? "";
    const response = await fetch(address, { method: "POST", headers: Object.fromEntries(headers), body });
    assert.match(await response.text(), /"outcome":"applied"/);
  });

  test("finds the schema of its folder, and makes the example fit it", async (context) => {
    const folder = projectFolder(context, { "tidelock.schema.ts": SCHEMA });
    const dev = new CliProcess(context, ["dev", "--port", "0", "--memory"], { cwd: folder });
    await dev.output(/Stop with Ctrl\+C/);
    assert.match(dev.stdout, /Schema +tidelock\.schema\.ts\n +notes \(text, kind\)/);
    assert.match(dev.stdout, /"collection":"notes","operation":"create","payload":\{"text":"Hello","kind":"a"\}/);
    assert.match(dev.stdout, /Data +in memory/);
    assert.ok(!existsSync(join(folder, ".tidelock/dev.db")));
  });

  test("takes schema and rules of a configuration", async (context) => {
    const config = `
      import { defineConfig } from "@tidelock/server";
      import { schema } from "./schema.ts";
      export default defineConfig({ schema, rules: { notes: { write: () => "read only" } } });`;
    const folder = projectFolder(context, { "schema.ts": SCHEMA, "tidelock.config.ts": config });
    const server = await startDev(context, folder);
    const mutation = { temp_id: "t1", collection: "notes", operation: "create", payload: { text: "x", kind: "a" } };
    const { body } = await sendTask(server, await tokenOf(context, folder), mutation);
    assert.match(JSON.stringify(body), /"code":"forbidden"/);
  });

  test("ends in good order when it is asked to", async (context) => {
    const folder = projectFolder(context);
    const dev = new CliProcess(context, ["dev", "--port", "0"], { cwd: folder });
    await dev.output(/Stop with Ctrl\+C/);
    const { code, stderr } = await dev.stop("SIGINT");
    assert.equal(code, 0);
    assert.match(stderr, /stopped\n$/);
    assert.ok(!existsSync(join(folder, ".tidelock/dev.db-wal")), "the log has been folded in");
  });

  test("says that the port is in use", async (context) => {
    const other = createServer().listen(0, "127.0.0.1");
    context.after(() => other.close());
    const { port } = await new Promise<AddressInfo>((done) =>
      other.on("listening", () => done(other.address() as AddressInfo)),
    );
    const { code, stderr } = await run(context, ["dev", "--port", String(port)], { cwd: projectFolder(context) });
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^error port-in-use: .*${port}\nfix: .*--port`));
  });

  test("says that another server holds the data", async (context) => {
    const server = await startDev(context);
    const { code, stderr } = await run(context, ["dev", "--port", "0"], { cwd: server.folder });
    assert.equal(code, 1);
    assert.match(stderr, /^error data-in-use: another process holds \.tidelock\/dev\.db\nfix: /);
  });

  test("says what is wrong with a schema, and where", async (context) => {
    const wrong = {
      "throws.ts": `throw new Error("oh no");`,
      "empty.ts": "export const nothing = 1;",
      "broken.ts": "export const schema = {\n  oh no\n};",
      "invalid.ts": `import { defineSchema } from "@tidelock/core";\nexport const schema = defineSchema({ version: 0, collections: {} });`,
      "import.ts": `import "./missing.ts";`,
      "schema.py": "schema = 1",
    };
    const folder = projectFolder(context, wrong);
    const expected: Readonly<Record<string, RegExp>> = {
      "throws.ts": /^error config-invalid: throws\.ts:1: oh no\n/,
      "empty.ts": /^error config-invalid: empty\.ts exports no schema\n/,
      "broken.ts": /^error config-invalid: broken\.ts(:\d+)?: .*\n/,
      "invalid.ts": /^error schema-invalid: invalid\.ts: version must be a whole number from 1, not 0\n/,
      "import.ts": /^error config-invalid: .*Cannot find module .*missing\.ts/,
      "schema.py": /^error config-invalid: schema\.py must end with \.ts, \.mts, \.js, \.mjs\n/,
      "no-such.ts": /^error config-invalid: there is no file no-such\.ts\n/,
    };
    for (const [file, message] of Object.entries(expected)) {
      const { code, stderr } = await run(context, ["dev", "--schema", file, "--port", "0"], { cwd: folder });
      assert.equal(code, 1, file);
      assert.match(stderr, message);
      assert.match(stderr, /\nfix: .+\n$/);
    }
  });
});

describe("tidelock token", { timeout: 240_000 }, () => {
  test("uses the nearest secret above, and puts claims into the token", async (context) => {
    const folder = projectFolder(context, {
      ".tidelock/dev-secret": `${"s".repeat(32)}\n`,
      "sub/folder/file": "",
    });
    const claims = ["--claim", "role=admin", "--claim", 'teams=["red"]'];
    const { stdout } = await run(context, ["token", "--tenant", "demo", "--user", "u1", "--json", ...claims], {
      cwd: join(folder, "sub/folder"),
    });
    const { token, tenant, user, expires, secret_file } = JSON.parse(stdout);
    const payload = JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
    assert.deepEqual({ tenant, user }, { tenant: "demo", user: "u1" });
    assert.equal(secret_file, join(folder, ".tidelock/dev-secret"));
    assert.equal(payload.exp - payload.iat, 3600);
    assert.equal(Date.parse(expires), payload.exp * 1000);
    assert.equal(payload.role, "admin");
    assert.deepEqual(payload.teams, ["red"]);
  });

  test("makes the secret when there is none, and prints nothing but the token", async (context) => {
    const folder = projectFolder(context);
    const { code, stdout, stderr } = await run(context, ["token", "--tenant", "demo", "--user", "u1"], { cwd: folder });
    assert.equal(code, 0);
    assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    assert.match(stderr, /made \.tidelock\/dev-secret/);
    const server = await startDev(context, folder);
    const { status } = await sendTask(server, stdout.trim(), { temp_id: "t1", operation: "delete", entity_id: "none" });
    assert.equal(status, 200);
  });

  test("refuses what cannot be a token", async (context) => {
    const folder = projectFolder(context, { ".tidelock/dev-secret": "short\n" });
    const token = (...more: string[]): Promise<{ code: number | null; stderr: string }> =>
      run(context, ["token", ...more], { cwd: folder });
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [["--tenant", "demo"], 2, /^error usage: required option '--user <id>' not specified\nfix: /],
      [
        ["--tenant", "demo", "--user", "u1", "--expires", "soon"],
        2,
        /^error usage: .*'soon' is invalid\nfix: .*90s, 15m/,
      ],
      [["--tenant", "demo", "--user", "u1", "--claim", "role"], 2, /name=value/],
      [["--tenant", "demo", "--user", "u1", "--claim", "sub=x"], 2, /sub is set by/],
      [["--tenant", "a b", "--user", "u1", "--secret-file", "long"], 1, /^error secret-missing: long cannot be read/],
      [["--tenant", "demo", "--user", "u1"], 1, /^error secret-missing: \.tidelock\/dev-secret holds 5 bytes/],
    ];
    for (const [arguments_, code, message] of cases) {
      const result = await token(...arguments_);
      assert.match(result.stderr, message);
      assert.equal(result.code, code, arguments_.join(" "));
    }
  });
});
