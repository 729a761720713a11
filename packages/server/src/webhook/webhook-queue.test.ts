import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, type TestContext, test } from "node:test";
import { Metrics } from "../observe/metrics.ts";
import { answers, Receiver } from "./receiver.fixture.ts";
import type { WebhookMessage } from "./review-message.ts";
import { PATIENCE, type Patience, WebhookQueue } from "./webhook-queue.ts";

const SECRET = "a secret of more than twenty-four bytes";
const START = 1_800_000_000_000;
const HASTY: Partial<Patience> = { firstPauseMs: 1, lastPauseMs: 2, closingMs: 20 };

interface Line {
  readonly level: string;
  readonly text: string;
}

interface Bench {
  readonly queue: WebhookQueue;
  readonly metrics: Metrics;
  readonly lines: Line[];
  /** Resolves when there is a line with these words. */
  readonly said: (words: RegExp) => Promise<Line>;
}

function bench(test: TestContext, url: string, patience: Partial<Patience> = {}): Bench {
  const metrics = new Metrics();
  const lines: Line[] = [];
  let wake = (): void => {};
  const note =
    (level: string) =>
    (facts: object, message: string): void => {
      lines.push({ level, text: `${message} ${JSON.stringify(facts)}` });
      wake();
    };
  const log = { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
  const ports = { log, metrics, now: () => START };
  const queue = new WebhookQueue({ url, secret: SECRET }, ports, { ...PATIENCE, ...HASTY, ...patience });
  test.after(async () => {
    await queue.close();
    metrics.close();
  });
  const said = async (words: RegExp): Promise<Line> => {
    for (;;) {
      const line = lines.find(({ text }) => words.test(text));
      if (line !== undefined) return line;
      await new Promise<void>((arrived) => (wake = arrived));
    }
  };
  return { queue, metrics, lines, said };
}

function message(id: string, body: string = `{"id":"${id}"}`): WebhookMessage {
  return { id, event: "review.opened", body };
}

describe("a queue of a webhook", () => {
  test("signs what it sends, with the time, so that a receiver can check both", async (t) => {
    const receiver = await Receiver.open(t);
    bench(t, receiver.url).queue.add(message("e.1"));
    const [{ headers, body } = { headers: {}, body: "" }] = await receiver.until(1);
    assert.equal(headers["content-type"], "application/cloudevents+json; charset=utf-8");
    assert.equal(headers["webhook-id"], "e.1");
    assert.equal(headers["webhook-timestamp"], String(START / 1000));
    const expected = createHmac("sha256", SECRET)
      .update(`e.1.${START / 1000}.${body}`)
      .digest("base64");
    assert.equal(headers["webhook-signature"], `v1,${expected}`);
    assert.equal(body, '{"id":"e.1"}');
  });

  test("sends again, with the same id and body, until the receiver has taken it", async (t) => {
    const receiver = await Receiver.open(t, (response, attempt) => answers(attempt < 4 ? 503 : 204)(response, attempt));
    const { queue, metrics } = bench(t, receiver.url);
    queue.add(message("e.1"));
    const received = await receiver.until(4);
    assert.deepEqual(
      [...new Set(received.map(({ headers, body }) => `${headers["webhook-id"]} ${body}`))],
      ['e.1 {"id":"e.1"}'],
    );
    await queue.close();
    assert.deepEqual([queue.waiting, metrics.webhooks.get("delivered"), metrics.webhooks.get("retried")], [0, 1, 3]);
  });

  test("a message that fails delays no other", async (t) => {
    const failing = await Receiver.open(t, (response, attempt) =>
      answers(attempt === 1 ? 500 : 200)(response, attempt),
    );
    const { queue } = bench(t, failing.url, { firstPauseMs: 60_000, lastPauseMs: 60_000, concurrency: 1 });
    for (const id of ["e.1", "e.2", "e.3"]) queue.add(message(id));
    const received = await failing.until(3);
    assert.deepEqual(
      received.map(({ headers }) => headers["webhook-id"]),
      ["e.1", "e.2", "e.3"],
    );
  });

  test("gives up after so many attempts, and says so without the address's path and without what was in it", async (t) => {
    const receiver = await Receiver.open(t, answers(500));
    const { queue, said, metrics } = bench(t, `${receiver.url}/T00SECRET?key=T11SECRET`, { maxAttempts: 3 });
    queue.add(message("e.1", '{"value":"T22SECRET"}'));
    const { level, text } = await said(/given up/);
    assert.equal(level, "error");
    assert.match(text, /"attempts":3.*it answered 500/);
    assert.doesNotMatch(text, /SECRET|a secret/);
    assert.equal(receiver.received.length, 3);
    assert.deepEqual([queue.waiting, metrics.webhooks.get("dropped")], [0, 1]);
  });

  test("410 ends it at once", async (t) => {
    const receiver = await Receiver.open(t, answers(410));
    const { queue, said } = bench(t, receiver.url);
    queue.add(message("e.1"));
    await said(/"attempts":1.*it answered 410/);
    assert.equal(queue.waiting, 0);
  });

  test("follows no redirect: what is signed for one goes to no other", async (t) => {
    const other = await Receiver.open(t);
    const receiver = await Receiver.open(t, answers(307, { location: other.url }));
    const { queue, said } = bench(t, receiver.url, { maxAttempts: 2 });
    queue.add(message("e.1"));
    await said(/it answered 307/);
    assert.deepEqual(other.received, []);
  });

  test("a receiver that never answers, or is not there, costs an attempt and no more", async (t) => {
    const silent = await Receiver.open(t, () => {});
    const slow = bench(t, silent.url, { timeoutMs: 5, maxAttempts: 2 });
    slow.queue.add(message("e.1"));
    await slow.said(/"attempts":2.*it took too long/);
    const nobody = bench(t, "http://127.0.0.1:1/", { maxAttempts: 2 });
    nobody.queue.add(message("e.1"));
    const { text } = await nobody.said(/it could not be reached/);
    assert.match(text, /"attempts":2/);
  });

  test("more than may wait is dropped at once and said; by count and by size", async (t) => {
    const silent = await Receiver.open(t, () => {});
    const few = bench(t, silent.url, { maxWaiting: 2 });
    for (const id of ["e.1", "e.2", "e.3", "e.4"]) few.queue.add(message(id));
    assert.deepEqual([few.queue.waiting, few.metrics.webhooks.get("dropped"), few.lines.length], [2, 2, 2]);
    const small = bench(t, silent.url, { maxCharacters: 100 });
    small.queue.add(message("e.1", "x".repeat(101)));
    small.queue.add(message("e.2", "x".repeat(100)));
    assert.deepEqual([small.queue.waiting, small.metrics.webhooks.get("dropped")], [1, 1]);
  });

  test("closing does not wait for a receiver that does not answer, and says what was left", async (t) => {
    const silent = await Receiver.open(t, () => {});
    const { queue, lines, metrics } = bench(t, silent.url, { concurrency: 1 });
    for (const id of ["e.1", "e.2", "e.3"]) queue.add(message(id));
    await silent.until(1);
    await queue.close();
    assert.match(lines.at(-1)?.text ?? "", /not delivered.*"waiting":3/);
    assert.equal(metrics.webhooks.get("dropped"), 3);
    queue.add(message("e.4"));
    assert.equal(queue.waiting, 3);
  });
});
