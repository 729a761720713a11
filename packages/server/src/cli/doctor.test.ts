/** `tidelock doctor` in good and in bad states. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test, type TestContext } from "node:test";
import {
  type Ended,
  projectFolder,
  run,
  sendTask,
  startDev,
  type StartOptions,
  tokenOf,
} from "./cli-process.fixture.ts";

interface Found {
  readonly ok: boolean;
  readonly code: number | null;
  readonly checks: Readonly<
    Record<string, { readonly status: string; readonly detail: string; readonly next: string | null }>
  >;
}

async function doctor(context: TestContext, arguments_: readonly string[], options: StartOptions): Promise<Found> {
  const { stdout, code }: Ended = await run(context, ["doctor", "--json", ...arguments_], options);
  const { ok, checks } = JSON.parse(stdout);
  return { ok, code, checks: Object.fromEntries(checks.map((check: { name: string }) => [check.name, check])) };
}

/** An address where something listens that is no Tidelock server. */
async function strangeServer(context: TestContext): Promise<number> {
  const server = createServer((_request, response) => response.end("hello")).listen(0, "127.0.0.1");
  context.after(() => server.close());
  return new Promise((done) => server.on("listening", () => done((server.address() as AddressInfo).port)));
}

describe("tidelock doctor", { timeout: 240_000 }, () => {
  test("finds nothing wrong with a server that runs, and leaves nothing behind", async (context) => {
    const server = await startDev(context);
    await sendTask(server, await tokenOf(context, server.folder), {
      temp_id: "t1",
      operation: "create",
      payload: { title: "One" },
    });
    const before = readdirSync(server.folder, { recursive: true }).sort();
    const { ok, code, checks } = await doctor(context, ["--url", server.url], { cwd: server.folder });
    const statuses = Object.entries(checks).map(([name, { status }]) => [name, status]);
    const expected = ["node", "sqlite", "dev-secret", "data-file", "data-format", "data-lock", "data-log"];
    const others = [
      "data-integrity",
      "disk-space",
      "disk-sync",
      "server",
      "ready",
      "version",
      "clock",
      "token",
      "websocket",
    ];
    // The disk of a test machine may be small, slow or in memory.
    const bad = statuses.filter(([name, status]) => status !== "ok" && !name?.startsWith("disk-"));
    assert.deepEqual(bad, []);
    assert.deepEqual(Object.keys(checks), [...expected, ...others]);
    assert.equal(ok, code === 0);
    assert.match(checks["data-file"]?.detail ?? "", /1 tenant, 1 event$/);
    assert.match(checks["data-lock"]?.detail ?? "", /held by a running server/);
    assert.deepEqual(readdirSync(server.folder, { recursive: true }).sort(), before);
  });

  test("is content with a folder where nothing has been started yet", async (context) => {
    const env = { PORT: String(await freePort()) };
    const { code, checks } = await doctor(context, [], { cwd: projectFolder(context), env });
    assert.equal(checks["port"]?.status, "ok");
    assert.equal(checks["server"]?.status, "warn");
    assert.match(checks["server"]?.next ?? "", /tidelock dev/);
    assert.equal(code, 0);
  });

  test("fails when the server that was named is not there", async (context) => {
    const { ok, code, checks } = await doctor(context, ["--url", `localhost:${await freePort()}`], {
      cwd: projectFolder(context),
    });
    assert.deepEqual({ ok, code }, { ok: false, code: 1 });
    assert.match(checks["server"]?.detail ?? "", /^http:\/\/localhost:\d+ cannot be reached: nothing listens there$/);
  });

  test("knows another program on the port from a server", async (context) => {
    const port = await strangeServer(context);
    const { code, checks } = await doctor(context, ["--url", `localhost:${port}`], { cwd: projectFolder(context) });
    assert.equal(code, 1);
    assert.match(checks["server"]?.detail ?? "", /answers, but not as Tidelock does$/);
  });

  test("fails when the token is not accepted, and warns when there is none", async (context) => {
    const server = await startDev(context);
    const stranger = projectFolder(context, { ".tidelock/dev-secret": `${"x".repeat(40)}\n` });
    chmodSync(join(stranger, ".tidelock/dev-secret"), 0o644);
    const wrong = await doctor(context, ["--url", server.url], { cwd: stranger });
    assert.equal(wrong.checks["token"]?.status, "fail");
    assert.match(wrong.checks["token"]?.detail ?? "", /^token-invalid: /);
    if (process.platform !== "win32") {
      assert.equal(wrong.checks["dev-secret"]?.status, "warn");
      assert.equal(wrong.checks["dev-secret"]?.next, "chmod 600 .tidelock/dev-secret");
    }
    const none = await doctor(context, ["--url", server.url], { cwd: projectFolder(context) });
    assert.equal(none.checks["token"]?.status, "warn");
  });

  test("finds a data file that is missing, foreign, newer or damaged", async (context) => {
    const server = await startDev(context);
    const token = await tokenOf(context, server.folder);
    for (let index = 0; index < 40; index++) {
      const payload = { title: "x".repeat(2000) };
      await sendTask(server, token, { temp_id: `t${index}`, operation: "create", payload });
    }
    await server.process.stop();
    const good = readFileSync(join(server.folder, ".tidelock/dev.db"));
    const folder = projectFolder(context, { "foreign.db": "" });
    const foreign = new DatabaseSync(join(folder, "foreign.db"));
    foreign.exec("CREATE TABLE a (b)");
    foreign.close();
    writeFileSync(join(folder, "newer.db"), good);
    const newer = new DatabaseSync(join(folder, "newer.db"));
    newer.exec("PRAGMA user_version = 999");
    newer.close();
    writeFileSync(join(folder, "damaged.db"), Buffer.from(good).fill(0xff, 8 * 4096, 14 * 4096));
    writeFileSync(join(folder, "good.db"), good);
    const cases: readonly (readonly [file: string, name: string, detail: RegExp])[] = [
      ["missing.db", "data-file", /^missing\.db does not exist$/],
      ["foreign.db", "data-file", /^foreign\.db is no data file of Tidelock$/],
      ["newer.db", "data-format", /^999; this version reads up to \d+$/],
      ["damaged.db", "data-integrity", /./],
    ];
    for (const [file, name, detail] of cases) {
      const { code, checks } = await doctor(context, ["--data", file], { cwd: folder });
      assert.equal(checks[name]?.status, "fail", file);
      assert.match(checks[name]?.detail ?? "", detail);
      assert.ok((checks[name]?.next ?? "").length > 10, "it says what to do");
      assert.equal(code, 1);
    }
    const { checks } = await doctor(context, ["--data", "good.db"], { cwd: folder });
    assert.equal(checks["data-integrity"]?.detail, "quick check passed");
    assert.match(checks["data-lock"]?.detail ?? "", /^free/);
    assert.ok(!existsSync(join(folder, "good.db-lock")), "looking at a lock makes none");
  });

  test("says it to people in columns, with the next step below", async (context) => {
    const { stdout, code } = await run(context, ["doctor", "--data", "none.db"], {
      cwd: projectFolder(context),
      env: { PORT: String(await freePort()) },
    });
    assert.equal(code, 1);
    assert.match(stdout, /^ {2}✔ Node\.js {5}v\d+/m);
    assert.match(stdout, /^ {2}✖ Data file {3}none\.db does not exist\n {16}→ Check the path given with --data\.$/m);
    assert.match(stdout, /\n {2}\d+ ok, .*1 failed\n$/);
  });
});

/** A port on which nobody listens for the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  const port = await new Promise<number>((done) =>
    server.on("listening", () => done((server.address() as AddressInfo).port)),
  );
  await new Promise((done) => server.close(done));
  return port;
}
