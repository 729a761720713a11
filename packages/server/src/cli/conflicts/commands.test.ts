/** `tidelock conflicts` and `tidelock reviews` against a real server, as processes. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { type DevServer, type Ended, projectFolder, run, sendTask, startDev, tokenOf } from "../cli-process.fixture.ts";

const SCHEMA = `
import { collection, defineSchema, field, greatest, review } from "@tidelock/core";
export const schema = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string(),
      status: field.enum(["open", "done", "dropped"]).default("open").policy(review()),
      priority: field.integer().default(0).policy(greatest()),
    }),
  },
});
`;
const TASK = "01a20404-2428-712a-9702-e7301976b5bf";

interface Stage {
  readonly server: DevServer;
  readonly cli: (...arguments_: readonly string[]) => Promise<Ended>;
  /** The command's JSON on standard output. */
  // oxlint-disable-next-line typescript/no-explicit-any -- whatever the command prints
  readonly json: (...arguments_: readonly string[]) => Promise<any>;
}

/** Ana makes a task; Ben, who has not seen it, writes its title, status and priority as well. */
async function stage(test: TestContext): Promise<Stage> {
  const folder = projectFolder(test, { "tidelock.schema.ts": SCHEMA });
  const server = await startDev(test, folder, ["--memory"]);
  const tokens = await Promise.all(["ana", "ben"].map((user) => tokenOf(test, folder, user)));
  const [ana = "", ben = ""] = tokens;
  const payload = { title: "Water the plants", status: "done", priority: 5 };
  const create = { temp_id: "m1", entity_id: TASK, operation: "create", payload, occurred_at: "2026-03-01T12:00:00Z" };
  const made = await sendTask(server, ana, create);
  assert.equal(made.status, 200, JSON.stringify(made.body));
  const response = await fetch(`${server.url}/sync/reconcile`, {
    method: "POST",
    headers: { "authorization": `Bearer ${ben}`, "content-type": "application/json" },
    body: JSON.stringify({
      device_id: "phone",
      mutations: [
        {
          ...create,
          collection: "tasks",
          operation: "update",
          payload: { title: "Feed the cat", status: "dropped", priority: 3 },
          occurred_at: "2026-03-01T11:00:00Z",
        },
      ],
    }),
  });
  assert.equal(response.status, 200);
  const cli = (...arguments_: readonly string[]): Promise<Ended> =>
    run(test, [...arguments_, "--url", server.url], { cwd: folder });
  const json = async (...arguments_: readonly string[]): Promise<unknown> => {
    const { stdout, stderr, code } = await cli(...arguments_, "--json");
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  return { server, cli, json };
}

describe("tidelock conflicts", { timeout: 240_000 }, () => {
  test("lists, shows and explains decisions, and brings a value back", async (context) => {
    const { cli, json } = await stage(context);
    const listed = await cli("conflicts", "ls");
    assert.deepEqual([listed.code, listed.stderr], [0, ""]);
    const [head = "", ...lines] = listed.stdout.trimEnd().split("\n");
    assert.match(head, /^id {3}when {17}policy {12}stands {3}where$/);
    assert.equal(lines.length, 6);
    assert.match(lines[4] ?? "", /^2\.0 {2}20\d\d-.* lww {15}current {2}tasks title$/);
    assert.equal(lines[5], `  ${TASK}  "Water the plants" by ana, then "Feed the cat" by ben`);
    for (const line of lines) assert.ok(line.length <= 120, line);

    const { conflicts } = await json("conflicts", "ls", "--field", "title", "--limit", "1");
    assert.deepEqual(
      conflicts.map(({ id, winner }: { id: string; winner: string }) => [id, winner]),
      [["2.0", "current"]],
    );
    const older = await cli("conflicts", "ls", "--limit", "2");
    assert.match(older.stderr, /there may be older ones: go on with --before 2\.1/);
    assert.equal((await json("conflicts", "ls", "--before", "2.1")).conflicts.length, 1);
    const none = await cli("conflicts", "ls", "--field", "nothing");
    assert.deepEqual([none.code, none.stdout], [0, ""]);
    assert.match(none.stderr, /none that you may read and that fits/);

    assert.equal((await json("conflicts", "show", "2.0")).incoming.value, "Feed the cat");
    const shown = await cli("conflicts", "show", "2.0");
    assert.match(shown.stdout, /^decision 2\.0\n {2}collection {2}tasks\n/);

    const explained = await cli("conflicts", "explain", "2.0");
    assert.match(explained.stdout, /^Two writes met in the title of tasks /);
    assert.match(explained.stdout, /ben on phone wrote "Feed the cat"[^]*and so not what ana\s+wrote \(event 1\)/);
    assert.match(explained.stdout, /"Water the plants" of ana stands; "Feed the cat" of ben\s+lost\./);
    assert.match(explained.stdout, /\n {2}tidelock conflicts restore 2\.0 --url http:\S+\n$/);
    for (const line of explained.stdout.split("\n").slice(0, -2)) assert.ok(line.length <= 80, line);
    const { headline, outcome, command } = await json("conflicts", "explain", "2.0");
    assert.match(`${headline} ${outcome} ${command}`, /title.*lost.*restore 2\.0/);

    const asked = await cli("conflicts", "restore", "2.0");
    assert.deepEqual([asked.code, asked.stdout], [2, ""]);
    assert.match(
      asked.stderr,
      /^error usage: it asks before it writes \(Write "Feed the cat" of ben as the title of tasks .*, in place of "Water the plants"\?\), and nobody can answer\nfix: Add --yes/,
    );
    const done = await cli("conflicts", "restore", "2.0", "--yes");
    assert.deepEqual([done.code, done.stdout], [0, "✔ It is written.\n"]);
    assert.match(
      (await cli("conflicts", "explain", "2.0")).stdout,
      /now +It is "Feed the cat": somebody wrote it since\./,
    );
    assert.equal((await json("conflicts", "restore", "2.0", "--yes")).outcome, "unchanged");
    assert.equal((await json("conflicts", "ls", "--field", "title")).conflicts.length, 1, "it was no conflict");
    const back = await json("conflicts", "restore", "2.0", "--side", "current", "--yes");
    assert.deepEqual([back.outcome, back.payload], ["applied", { title: "Water the plants" }]);
  });

  test("says what to do when it cannot", async (context) => {
    const { server, cli } = await stage(context);
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [
        ["show", "9.0"],
        1,
        /^error not-found: there is no decision 9\.0 that you may read\nfix: `tidelock conflicts ls`/,
      ],
      [["show", "nothing"], 1, /^error invalid-id: .*\nfix: `tidelock conflicts ls`/],
      [["explain", "../reviews"], 1, /^error invalid-id: /],
      [
        ["restore", "2.1", "--yes"],
        2,
        /^error usage: the status of tasks .* waits for a person\nfix: .*reviews decide review:/,
      ],
      [["ls", "--collection", "notes"], 1, /^error unknown-collection: /],
      [["ls", "--limit", "0"], 2, /^error usage: .*\nfix: Use a whole number from 1\. /],
      [["ls", "--winner", "me"], 2, /^error usage: .*winner.*\nfix: .*Allowed choices are current/],
      [["ls", "--tenant", "no spaces"], 2, /^error usage: "no spaces" is not a tenant id\n/],
      [["ls", "--token", "nonsense"], 1, /^error token-invalid: /],
      [["show"], 2, /^error usage: missing required argument 'id'\nfix: `tidelock conflicts show --help`/],
    ];
    await Promise.all(
      cases.map(async ([arguments_, code, message]) => {
        const ended = await cli("conflicts", ...arguments_);
        assert.match(ended.stderr, message);
        assert.deepEqual([ended.code, ended.stdout], [code, ""], arguments_.join(" "));
      }),
    );
    const elsewhere = await run(context, ["conflicts", "ls", "--url", "http://127.0.0.1:1", "--json"], {
      cwd: server.folder,
    });
    assert.equal(elsewhere.code, 1);
    assert.equal(JSON.parse(elsewhere.stderr).error.code, "server-unreachable");
    // Another user's word is another tenant's: nothing of this one is there.
    const other = await cli("conflicts", "show", "2.0", "--tenant", "other");
    assert.match(other.stderr, /^error not-found: /);
  });
});

describe("tidelock reviews", { timeout: 240_000 }, () => {
  test("lists, shows, assigns and decides", async (context) => {
    const { cli, json } = await stage(context);
    const { reviews } = await json("reviews", "ls");
    const { id, version } = reviews[0];
    const listed = (await cli("reviews", "ls")).stdout.trimEnd().split("\n");
    assert.match(listed[0] ?? "", /^id +opened +due +assignee +where$/);
    assert.match(listed[1] ?? "", /^review:phone:1:0\.\d .* - +- +tasks status$/);
    assert.equal(listed[2], `  ${TASK}  "done" by ana, "dropped" by ben`);
    const shown = (await cli("reviews", "show", id)).stdout;
    assert.match(shown, /about +the status of tasks/);
    assert.match(
      shown,
      /\n {2}curl:1 +ana on curl +20.* +"done" {2}\(stands meanwhile\)\n {2}phone:1 +ben on phone +20.* +"dropped"\n/,
    );
    assert.match(shown, /tidelock reviews decide review:\S+ --candidate <id> --url /);

    const assigned = await cli("reviews", "assign", id, "cleo", "--due", "2030-01-01T00:00:00Z", "--note", "Ask them.");
    assert.match(assigned.stdout, /^✔ assignee: cleo, due: 2030-01-01T00:00:00\.000Z, note: Ask them\.\n$/);
    assert.equal((await json("reviews", "ls", "--assignee", "cleo")).reviews[0].note, "Ask them.");
    assert.deepEqual((await json("reviews", "ls", "--nobody")).reviews, []);
    await cli("reviews", "assign", id, "--nobody", "--due", "never");
    const later = await json("reviews", "show", id);
    assert.deepEqual([later.assignee, later.due, later.note], [null, null, "Ask them."]);

    const asked = await cli("reviews", "decide", id, "--candidate", "phone:1");
    assert.match(asked.stderr, /it asks before it writes \(Decide for "dropped" of ben\?\)/);
    const decided = await cli("reviews", "decide", id, "--candidate", "phone:1", "--yes");
    assert.deepEqual([decided.code, decided.stdout], [0, "✔ It is decided, on every device.\n"]);
    const second = await cli("reviews", "decide", id, "--value", '"open"', "--seen", version);
    assert.equal(second.code, 1);
    assert.match(
      second.stderr,
      /^error review-closed: support has decided already: the field has "dropped"\nfix: Look at it again: tidelock reviews show review:/,
    );
    assert.match((await cli("reviews", "show", id)).stdout, /decided +"dropped" by support/);
    assert.match((await cli("reviews", "ls")).stderr, /nothing waits/);
    assert.match((await cli("reviews", "ls", "--status", "closed")).stdout, /→ "dropped" by support/);
    const restored = await json("conflicts", "restore", "2.1", "--side", "current", "--yes");
    assert.deepEqual([restored.outcome, restored.payload], ["applied", { status: "done" }]);
  });

  test("says what to do when it cannot", async (context) => {
    const { cli, json } = await stage(context);
    const { id } = (await json("reviews", "ls")).reviews[0];
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [
        ["show", "nothing"],
        1,
        /^error entity-not-found: there is no review nothing that you may read\nfix: `tidelock reviews ls --status all`/,
      ],
      [["assign", id], 2, /^error usage: nothing would change\nfix: Name a person, or use --nobody/],
      [["assign", id, "ana", "--nobody"], 2, /^error usage: --nobody and a person exclude each other\n/],
      [["assign", id, "--due", "tomorrow"], 2, /^error usage: "tomorrow" is no time\nfix: Use one like 2026-/],
      [["assign", "nothing", "ana"], 1, /^error entity-not-found: /],
      [["decide", id], 2, /^error usage: a decision is either for a candidate or for another value\n/],
      [
        ["decide", id, "--candidate", "nobody:1", "--yes"],
        2,
        /^error usage: the review has no candidate nobody:1\nfix: There are curl:1, phone:1\.\n/,
      ],
      [["decide", id, "--value", "done", "--yes"], 2, /^error usage: .*\nfix: Use JSON: text stands in double quotes/],
      [["decide", id, "--value", '"gone"', "--yes"], 1, /^error invalid-value: .*status/],
      [
        ["decide", id, "--candidate", "curl:1", "--seen", "yesterday"],
        1,
        /^error version-invalid: .*\nfix: Look at it again/,
      ],
      [["ls", "--nobody", "--assignee", "ana"], 2, /^error usage: --nobody and --assignee exclude each other\n/],
    ];
    await Promise.all(
      cases.map(async ([arguments_, code, message]) => {
        const ended = await cli("reviews", ...arguments_);
        assert.match(ended.stderr, message);
        assert.deepEqual([ended.code, ended.stdout], [code, ""], arguments_.join(" "));
      }),
    );
    assert.equal((await json("reviews", "show", id)).status, "open");
  });
});
