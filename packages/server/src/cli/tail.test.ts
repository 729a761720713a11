/** `tidelock tail`: changes of a running server, over breaks, and the log of a data file. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CliProcess, projectFolder, run, sendTask, startDev, tokenOf } from "./cli-process.fixture.ts";

interface Line {
  readonly type: string;
  readonly offset?: number;
  readonly kind?: string;
  readonly entity?: string;
  readonly checkpoint?: string;
  readonly resumed?: boolean;
  readonly conflicts?: readonly { readonly field: string }[];
}

function linesOf(text: string): Line[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

describe("tidelock tail", { timeout: 240_000 }, () => {
  test("shows changes as they happen, and goes on where it was after a restart of the server", async (context) => {
    const server = await startDev(context);
    const token = await tokenOf(context, server.folder);
    const { port } = new URL(server.url);
    const tail = new CliProcess(context, ["tail", "--url", server.url, "--json"], { cwd: server.folder });
    await tail.output(/"type":"connected"/);
    await sendTask(server, token, { temp_id: "t1", operation: "create", entity_id: "a", payload: { title: "One" } });
    await tail.output(/"entity":"a","kind":"put","fields":\{"title":"One"/);
    await sendTask(server, token, { temp_id: "t2", operation: "update", entity_id: "a", payload: { done: true } });
    await tail.output(/"entity":"a","kind":"updated","fields":\{"done":true\}/);

    await server.process.stop();
    await tail.output(/"type":"disconnected"/);
    const again = await startDev(context, server.folder, ["--port", port]);
    await sendTask(again, token, { temp_id: "t3", operation: "delete", entity_id: "a" });
    await tail.output(/"entity":"a","kind":"deleted"/);
    const { code, stdout } = await tail.stop("SIGINT");
    assert.equal(code, 0);
    const lines = linesOf(stdout);
    const changes = lines.filter(({ type }) => type === "change");
    assert.deepEqual(
      changes.map(({ offset }) => offset),
      [1, 2, 3],
    );
    assert.deepEqual(
      lines.filter(({ type }) => type === "connected").map(({ resumed }) => resumed),
      [false, true],
    );
  });

  test("goes on from a checkpoint, or begins with the last events, or with what there is", async (context) => {
    const server = await startDev(context);
    const token = await tokenOf(context, server.folder);
    for (const name of ["a", "b", "c"]) {
      await sendTask(server, token, { temp_id: name, operation: "create", entity_id: name, payload: { title: name } });
    }
    const entities = async (...more: string[]): Promise<(string | undefined)[]> => {
      const tail = new CliProcess(context, ["tail", "--url", server.url, "--json", ...more], { cwd: server.folder });
      await tail.output(/"entity":"c"/);
      const changes = linesOf((await tail.stop()).stdout).filter(({ type }) => type === "change");
      return changes.map(({ entity }) => entity);
    };
    assert.deepEqual(await entities(), ["a", "b", "c"]);
    assert.deepEqual(await entities("--last", "1"), ["c"]);
    assert.deepEqual(await entities("--state"), ["a", "b", "c"]);
    assert.deepEqual(await entities("--collection", "tasks"), ["a", "b", "c"]);
    const { stdout } = await run(context, ["tail", "--data", ".tidelock/dev.db", "--once", "--json"], {
      cwd: server.folder,
    });
    const second = linesOf(stdout).find(({ entity }) => entity === "b");
    assert.deepEqual(await entities("--from", second?.checkpoint ?? ""), ["c"]);
  });

  test("reads the log of a file, beside its server and without it, with authors and conflicts", async (context) => {
    const server = await startDev(context);
    const [first, second] = [await tokenOf(context, server.folder), await tokenOf(context, server.folder, "u2")];
    await sendTask(server, first, { temp_id: "t1", operation: "create", entity_id: "a", payload: { title: "One" } });
    const tail = new CliProcess(context, ["tail", "--data", ".tidelock/dev.db"], { cwd: server.folder });
    await tail.output(/a server runs on it/);
    await tail.output(/1 {2}\+ created +tasks {2}a {2}title="One" {2}by u1 on curl\n/);
    await sendTask(server, first, { temp_id: "t2", operation: "update", entity_id: "a", payload: { done: true } });
    await tail.output(/2 {2}~ updated +tasks {2}a {2}done: false → true {2}by u1 on curl\n/);
    // Written long ago by a device that had seen nothing: the title of the log stands.
    await sendTask(server, second, {
      temp_id: "t3",
      operation: "update",
      entity_id: "a",
      payload: { title: "Older" },
      occurred_at: "2020-01-01T00:00:00Z",
      device_id: "other",
    });
    await server.process.stop();
    await tail.stop();
    const { code, stdout } = await run(context, ["tail", "--data", ".tidelock/dev.db", "--once"], {
      cwd: server.folder,
    });
    assert.equal(code, 0);
    assert.match(stdout, /no server runs on it/);
    assert.match(stdout, /2 {2}~ updated/);
  });

  test("says why there is nothing to follow", async (context) => {
    const server = await startDev(context);
    const elsewhere = projectFolder(context, { "text.db": "this is no database, but long enough to look at" });
    const cases: readonly (readonly [readonly string[], string, number, RegExp])[] = [
      [["--data", ".tidelock/dev.db"], server.folder, 1, /^error not-found: \.tidelock\/dev\.db has no tenants yet/],
      [["--url", "http://localhost:1"], server.folder, 1, /^error server-unreachable: http:\/\/localhost:1 cannot be/],
      [["--url", server.url, "--collection", "nope"], server.folder, 1, /^error unknown-collection: /],
      [["--url", server.url, "--token", "abc"], server.folder, 1, /^error token-invalid: /],
      [["--url", server.url], elsewhere, 1, /^error token-missing: .*\.tidelock\/dev-secret/],
      [["--from", "x"], server.folder, 1, /^error version-invalid: "x" is not a checkpoint/],
      [["--data", "none.db"], elsewhere, 1, /^error storage-unavailable: none\.db does not exist/],
      [["--data", "text.db"], elsewhere, 1, /^error storage-unavailable: text\.db /],
      [["--data", "x", "--url", "http://localhost"], elsewhere, 2, /^error usage: --data and --url exclude each other/],
      [["--once"], elsewhere, 2, /^error usage: --once needs --data/],
      [["--url", "ftp://x"], elsewhere, 2, /^error usage: .*'ftp:\/\/x' is invalid\nfix: Use an address like/],
    ];
    for (const [arguments_, cwd, code, message] of cases) {
      const result = await run(context, ["tail", ...arguments_], { cwd });
      assert.match(result.stderr, message);
      assert.match(result.stderr, /\nfix: .+\n$/);
      assert.equal(result.code, code, arguments_.join(" "));
    }
  });

  test("ends quietly when its reader has had enough", async (context) => {
    const server = await startDev(context);
    await sendTask(server, await tokenOf(context, server.folder), {
      temp_id: "t1",
      operation: "create",
      payload: { title: "One" },
    });
    const tail = new CliProcess(context, ["tail", "--data", join(server.folder, ".tidelock/dev.db")], {
      cwd: server.folder,
    });
    await tail.output(/created/);
    tail.closeOutput();
    await sendTask(server, await tokenOf(context, server.folder), {
      temp_id: "t2",
      operation: "create",
      payload: { title: "Two" },
    });
    const { code, stderr } = await tail.ended;
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  });
});
