import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseTenantId, REVIEWS } from "@tidelock/core";
import { Office } from "../api/inquiries.fixture.ts";
import { createServer } from "../api/create-server.ts";
import { authenticate, request, schema as plainSchema } from "../api/served.fixture.ts";
import type { Bus, BusEvent } from "../bus/bus.ts";
import { memoryBus } from "../bus/memory.ts";
import { must } from "../gateway/scripted.fixture.ts";
import { silentLogger } from "../observe/log.ts";
import { Metrics } from "../observe/metrics.ts";
import { memoryStorage } from "../storage/memory.ts";
import { answers, Receiver } from "./receiver.fixture.ts";
import type { Webhook } from "./webhook.ts";
import { webhookBus } from "./webhook-bus.ts";

const secret = "a secret of more than twenty-four bytes";

interface CloudEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly data: {
    readonly id: string;
    readonly version: string;
    readonly status: string;
    readonly candidates: ReadonlyArray<{ readonly id: string; readonly value?: unknown }>;
    readonly outcome: { readonly user: string; readonly value: unknown } | null;
    readonly values_omitted?: boolean;
  };
  readonly [attribute: string]: unknown;
}

function eventsOf(receiver: Receiver): CloudEvent[] {
  return receiver.received.map(({ body }) => JSON.parse(body) as CloudEvent);
}

async function decide(office: Office, id: string, value: string): Promise<void> {
  const { version } = await office.review(id);
  const body = { device_id: "ana", temp_id: `decide-${value}`, version, value };
  assert.equal((await request(office.served, `/sync/reviews/${id}/decide`, { body })).status, 200);
}

describe("webhooks of a server", () => {
  test("tell as CloudEvents when a review opens and when it is closed, of every tenant", async (t) => {
    const receiver = await Receiver.open(t);
    const office = await Office.open(t, { webhooks: [{ url: receiver.url, secret }] });
    await office.disagree("t1", { status: "done", title: "Private" }, { status: "dropped" });
    await receiver.until(1);
    const [opened] = eventsOf(receiver);
    assert.ok(opened !== undefined);
    const { data, time, ...attributes } = opened;
    assert.deepEqual(attributes, {
      specversion: "1.0",
      id: opened.id,
      source: "/tidelock/acme",
      type: "tidelock.review.opened",
      subject: data.id,
      datacontenttype: "application/json",
      tenant: "acme",
    });
    assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
    assert.deepEqual(
      data.candidates.map(({ id, value }) => [id, value]),
      [
        ["ana:1", "done"],
        ["ben:1", "dropped"],
      ],
    );
    assert.ok(!JSON.stringify(opened).includes("Private"), "the entity's other fields are not told");
    // The version that came with the message is good for a decision.
    const body = { device_id: "cleo", temp_id: "d1", version: data.version, candidate: "ben:1" };
    const path = `/sync/reviews/${data.id}/decide`;
    assert.equal((await request(office.served, path, { token: "acme/cleo", body })).status, 200);
    await receiver.until(2);
    const closed = eventsOf(receiver)[1];
    assert.deepEqual(
      [closed?.type, closed?.subject, closed?.data.status, closed?.data.outcome?.user],
      ["tidelock.review.closed", data.id, "closed", "cleo"],
    );
    assert.notEqual(closed?.id, opened.id);
  });

  test("tell each what it asked for, and nothing of other changes to a review", async (t) => {
    const all = await Receiver.open(t);
    const closings = await Receiver.open(t);
    const webhooks: Webhook[] = [
      { url: all.url, secret },
      { url: closings.url, secret, events: ["review.closed"] },
    ];
    const office = await Office.open(t, { webhooks });
    await office.disagree("t1", { status: "done" }, { status: "dropped" });
    const [review] = (await office.reviews()).reviews;
    const notes = { device_id: "ana", temp_id: "n1", assignee: "ben" };
    await request(office.served, `/sync/reviews/${review?.id}`, { body: notes });
    await office.write("dan", "update", "t1", { payload: { status: "open" } });
    await decide(office, String(review?.id), "open");
    await all.until(2);
    await closings.until(1);
    assert.deepEqual(
      eventsOf(all)
        .map(({ type }) => type)
        .sort(),
      ["tidelock.review.closed", "tidelock.review.opened"],
    );
    assert.deepEqual(
      eventsOf(closings).map(({ type }) => type),
      ["tidelock.review.closed"],
    );
  });

  test("a message that would be too large leaves the values out", async (t) => {
    const receiver = await Receiver.open(t);
    const { collection, defineSchema, field, review } = await import("@tidelock/core");
    const schema = defineSchema({
      version: 1,
      collections: { tasks: collection({ title: field.string().policy(review()) }) },
    });
    const office = await Office.open(t, { schema, webhooks: [{ url: receiver.url, secret }] });
    await office.disagree("t1", { title: "a".repeat(50_000) }, { title: "b".repeat(50_000) });
    const [{ body } = { body: "" }] = await receiver.until(1);
    assert.ok(body.length < 65_536);
    const { data } = JSON.parse(body) as CloudEvent;
    assert.equal(data.values_omitted, true);
    assert.deepEqual(
      data.candidates.map((candidate) => [candidate.id, "value" in candidate]),
      [
        ["ana:1", false],
        ["ben:1", false],
      ],
    );
  });

  test("a receiver that hangs or fails holds up no write, and the server closes", async (t) => {
    const hanging = await Receiver.open(t, () => {});
    const failing = await Receiver.open(t, answers(500));
    const webhooks = [hanging, failing].map(({ url }): Webhook => ({ url, secret }));
    const office = await Office.open(t, { webhooks });
    for (let index = 0; index < 20; index++) {
      await office.disagree(`t${index}`, { status: "done" }, { status: "dropped" });
    }
    assert.equal((await office.reviews()).reviews.length, 20);
    await hanging.until(1);
    await failing.until(1);
    await office.served.server.close();
  });

  test("what cannot be a webhook is refused at the start, and its secret is never said", () => {
    const of = (webhook: object) => (): unknown =>
      createServer({
        schema: plainSchema,
        storage: memoryStorage(),
        authenticate,
        logger: false,
        webhooks: [webhook as Webhook],
      });
    const url = "https://hooks.example/x";
    for (const [webhook, words] of [
      [{ url: "ftp://hooks.example", secret }, /webhooks\[0\] needs a url/],
      [{ secret }, /needs a url/],
      [{ url: "https://u:p@hooks.example", secret }, /user or password/],
      [{ url, secret: "short" }, /secret of at least 24 bytes/],
      [{ url, secret: `whsec_${Buffer.alloc(23).toString("base64")}` }, /secret of at least 24 bytes/],
      [{ url }, /secret of at least/],
      [{ url, secret, events: [] }, /review\.opened, review\.closed/],
      [{ url, secret, events: ["review.reopened"] }, /review\.opened/],
    ] as const) {
      assert.throws(of(webhook), (error: Error) => words.test(error.message) && !error.message.includes("short"));
    }
    of({ url, secret: `whsec_${Buffer.alloc(24).toString("base64")}`, events: ["review.opened"] })();
  });
});

describe("the bus that tells webhooks", () => {
  const tenant = must(parseTenantId("acme"));
  const opening = {
    tenant,
    event: { offset: 7, kind: "created", collection: REVIEWS, changed: [], row: [] },
  } as unknown as BusEvent;

  test("tells nothing that the inner bus did not take, and passes its failure on", async (t) => {
    const receiver = await Receiver.open(t);
    const inner: Bus = { ...memoryBus(), publish: () => Promise.reject(new Error("away")) };
    const metrics = new Metrics();
    t.after(() => metrics.close());
    const factsOf = (): never => assert.fail("nobody asks");
    const ports = { log: silentLogger, metrics, now: Date.now, factsOf };
    const bus = webhookBus(inner, [{ url: receiver.url, secret }], ports);
    await assert.rejects(bus.publish([opening]), /away/);
    assert.deepEqual(receiver.received, []);
  });

  test("a storage that fails while a message is made loses that message, and says so", async (t) => {
    const receiver = await Receiver.open(t);
    const metrics = new Metrics();
    t.after(() => metrics.close());
    const lines: string[] = [];
    const log = { ...silentLogger, error: (facts: object) => void lines.push(JSON.stringify(facts)) };
    const factsOf = (): Promise<never> => Promise.reject(new Error("no disk"));
    const bus = webhookBus(memoryBus(), [{ url: receiver.url, secret }], { log, metrics, now: Date.now, factsOf });
    await bus.publish([opening]);
    await bus.close();
    assert.match(lines.join(), /"offset":7.*no disk/);
    assert.equal(metrics.webhooks.get("dropped"), 1);
  });
});
