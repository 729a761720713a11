/**
 * The review queue under attack: forged reviews, forged decisions, the server's own name, crowds and floods. Everybody may
 * read, write and review `trials`, so nothing here is stopped by a rule of the application.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Actor, loggedBytes, storedBytes } from "./actor.ts";
import { fatalCode, openStream } from "./attack.ts";
import { NASTY_NAMES, WHOLE_TEXTS } from "./nasty.ts";
import { headOf } from "./secrecy.ts";
import type { Target } from "./target.ts";
import { codeOf, dial, request } from "./wire.ts";
import { ANA, tokenOf } from "./world.ts";

interface ShownReview {
  readonly id: string;
  readonly version: string;
  readonly status: string;
  readonly candidates: ReadonlyArray<{ readonly id: string; readonly value: unknown; readonly user: string }>;
  readonly outcome: { readonly kind: string; readonly value: unknown } | null;
}

/** A trial with a review of its text. */
async function openReview(target: Target, entity: string): Promise<string> {
  const [one, two] = [await Actor.join(target, ANA), await Actor.join(target, ANA)];
  await one.write("create", "trials", entity, { text: "one" });
  const [counter, outcome] = await two.write("update", "trials", entity, { text: "two" });
  assert.equal(outcome, "in-review");
  const { reviews } = await one.get<{ reviews: readonly ShownReview[] }>(`/sync/reviews?entity=${entity}`);
  one.leave();
  two.leave();
  assert.equal(reviews[0]?.id, `review:${two.device}:${counter}:0.0`);
  return reviews[0].id;
}

const shown = (actor: Actor, id: string): Promise<ShownReview> => actor.get<ShownReview>(`/sync/reviews/${id}`);

export function attackReviews(target: Target): void {
  describe("reviews", () => {
    test("are made, deleted and rewritten by nobody but the server", async () => {
      const id = await openReview(target, "forged");
      const mallory = await Actor.join(target);
      const before = await shown(mallory, id);
      const seen = await headOf(mallory);
      const whole = {
        collection: "trials",
        entity: "forged",
        field: "text",
        status: "open",
        policy: "review",
        policyVersion: 1,
        reason: "forged",
        base: [],
        candidates: [
          { id: "ana:1", device: "ana", counter: 1, user: "ana", offset: 1, seen: 0, stamp: "0", value: "forged" },
        ],
        openedAt: 1,
        row: { id: "forged", text: "forged" },
      };
      const forgeries: Array<readonly [string, string, unknown]> = [
        ["create", "review:forged:1:0.0", whole],
        ["create", id, whole],
        ["create", "tmp:x:1", whole],
        ["delete", id, {}],
        ["update", id, whole],
        ["update", id, { "tidelock.review": null }],
        ...Object.entries({ ...whole, closedAt: 1, outcome: { kind: "pick" } }).map(
          ([name, value]) => ["update", id, { [name]: value }] as const,
        ),
        ...WHOLE_TEXTS.map((text) => ["update", id, { due: JSON.parse(text) as unknown, candidates: [] }] as const),
      ];
      const rows = await mallory.push(
        forgeries.map(([operation, entity, fields]) =>
          mallory.mutation(operation, "tidelock.reviews", entity, fields, { seen }),
        ),
      );
      assert.equal(rows.length, forgeries.length);
      for (const [index, [, outcome, , detail]] of rows.entries()) {
        assert.equal(outcome, "rejected", JSON.stringify(forgeries[index]));
        assert.match(detail?.code ?? "", /^(forbidden|unknown-field|invalid-value|entity-not-found|invalid-id)$/);
      }
      for (const fields of [{ "tidelock.review": null }, { "tidelock.review": { text: "review:x:1:0.0" } }]) {
        assert.equal(await mallory.attempt("update", "trials", "forged", fields), "unknown-field");
      }
      const after = await shown(mallory, id);
      assert.deepEqual(after, before);
      await target.assertWell();
    });

    test("a decision with whatever a value can be, of whatever review, writes what fits or nothing", async () => {
      const id = await openReview(target, "odd-decisions");
      const mallory = await Actor.join(target);
      const seen = await headOf(mallory);
      const odd: unknown[] = [
        {},
        { candidate: "nobody:1" },
        { candidate: null },
        { candidate: {} },
        { candidate: "toString" },
        { value: 1 },
        { value: null },
        { value: { add: ["x"] } },
        { value: "x", candidate: "x" },
        { value: "x", text: "x" },
        { candidates: [] },
        { outcome: "x" },
        ...WHOLE_TEXTS.map((text) => ({ candidate: JSON.parse(text) as unknown })),
        ...WHOLE_TEXTS.filter((text) => !text.startsWith('"')).map((text) => ({ value: JSON.parse(text) as unknown })),
      ];
      const rows = await mallory.push(
        odd.map((fields) => mallory.mutation("decide", "tidelock.reviews", id, fields, { seen })),
      );
      for (const [index, [, outcome, , detail]] of rows.entries()) {
        assert.deepEqual([outcome, detail?.code], ["rejected", "invalid-value"], JSON.stringify(odd[index]));
      }
      const names = NASTY_NAMES.filter((name) => /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/.test(name));
      for (const name of [...names, "odd-decisions", "task-of-ana", "review:x:1:0.all", `${id}0`, "review:"]) {
        for (const collection of ["tidelock.reviews", "trials", "tasks", "cases"]) {
          const code = await mallory.attempt("decide", collection, name, { value: "x" }, { seen });
          assert.equal(code, "entity-not-found", `${collection} ${name}`);
        }
      }
      for (const collection of ["trials", "nothing", "constructor"])
        assert.equal(await mallory.attempt("decide", collection, id, { value: "x" }, { seen }), "entity-not-found");
      // In a transaction with what else there is.
      const both = await mallory.push([
        mallory.mutation("decide", "tidelock.reviews", id, { value: "once" }, { seen, remaining: 1 }),
        mallory.mutation("decide", "tidelock.reviews", id, { value: "twice" }, { seen }),
      ]);
      assert.deepEqual(
        both.map(([, , , detail]) => detail?.code),
        ["transaction-failed", "review-closed"],
      );
      assert.equal((await shown(mallory, id)).status, "open");
      await target.assertWell();
    });

    test("what the author had seen counts: nothing older, nothing of the future", async () => {
      const id = await openReview(target, "unseen");
      const mallory = await Actor.join(target);
      const head = await headOf(mallory);
      const decide = (seen: number): Promise<string> =>
        mallory.attempt("decide", "tidelock.reviews", id, { value: "mine" }, { seen });
      for (const seen of [0, 1, head - 2]) assert.equal(await decide(seen), "review-changed");
      for (const seen of [head + 1000, Number.MAX_SAFE_INTEGER]) assert.equal(await decide(seen), "version-invalid");
      for (const version of [
        "x.1",
        `${mallory.welcome.epoch}.${head + 1000}`,
        `${mallory.welcome.epoch}.1`,
        "",
        null,
        7,
        {},
      ]) {
        const body = JSON.stringify({ device_id: `${mallory.device}-x`, temp_id: "d1", version, value: "mine" });
        const answer = await mallory.ask("POST", `/sync/reviews/${id}/decide`, { body });
        assert.match(codeOf(answer), /^(version-invalid|review-changed|invalid-message)$/, String(version));
      }
      const crowd = [await Actor.join(target), await Actor.join(target, ANA), await Actor.join(target)];
      const outcomes = await Promise.all(
        crowd.map((actor, index) =>
          actor.attempt("decide", "tidelock.reviews", id, { value: `${index}` }, { seen: head }),
        ),
      );
      assert.deepEqual(outcomes.toSorted(), ["applied", "review-closed", "review-closed"], "one outcome");
      await target.assertWell();
    });

    test("the server's own device is nobody's", async () => {
      for (const device of ["tidelock.server", "tidelock.x", "tidelock."]) {
        const peer = await dial(target);
        peer.say(target.hello({ device }));
        assert.match(await fatalCode(peer), /^(device-taken|device-invalid)$/, device);
        const { token } = target;
        const body = JSON.stringify({
          device_id: device,
          mutations: [],
          temp_id: "t",
          value: "x",
          note: "x",
          version: "x.1",
        });
        for (const path of ["/sync/reconcile", "/sync/reviews/review:x:1:0.0/decide", "/sync/reviews/review:x:1:0.0"]) {
          const answer = await request(target, "POST", path, { token, body });
          assert.match(codeOf(answer), /^(device-taken|device-invalid)$/, `${device} at ${path}`);
        }
        assert.match(await openStream(target, `?device=${device}`), /^(device-taken|device-invalid)$/);
      }
      const impostor = await tokenOf({ tenant: "acme", user: "tidelock" });
      const peer = await dial(target);
      peer.say(target.hello({ device: "tidelock.server", token: impostor }));
      assert.match(await fatalCode(peer), /^(device-taken|device-invalid)$/);
      const id = await openReview(target, "due");
      const mallory = await Actor.join(target);
      for (const due of [-1, 0, 1, 8.64e15 + 1, Number.MIN_SAFE_INTEGER]) {
        await mallory.write(
          "update",
          "tidelock.reviews",
          id,
          { due, onExpiry: "latest" },
          { seen: await headOf(mallory) },
        );
      }
      for (let tries = 0; tries < 400 && (await shown(mallory, id)).status === "open"; tries++)
        await new Promise((resolve) => setTimeout(resolve, 25));
      assert.equal((await shown(mallory, id)).outcome?.kind, "expired", "the server still decides what is due");
      await target.assertWell();
    });

    test("a crowd fills a review to its bounds, and it can still be decided", async () => {
      const id = await openReview(target, "crowded");
      const codes: string[] = [];
      for (let count = 0; count < 70; count++) {
        const actor = await Actor.join(target);
        codes.push(await actor.attempt("update", "trials", "crowded", { text: `candidate ${count}` }));
        actor.leave();
      }
      assert.deepEqual([...new Set(codes)], ["in-review", "review-full"]);
      const ana = await Actor.join(target, ANA);
      assert.equal((await shown(ana, id)).candidates.length, 64);
      const seen = await headOf(ana);
      assert.equal(await ana.attempt("decide", "tidelock.reviews", id, { value: "enough" }, { seen }), "applied");
      const large = await openReview(target, "large");
      const sizes: string[] = [];
      for (let count = 0; count < 6; count++) {
        const actor = await Actor.join(target);
        sizes.push(await actor.attempt("update", "trials", "large", { text: `${count}`.padEnd(250_000, "x") }));
        actor.leave();
      }
      assert.deepEqual([...new Set(sizes)], ["in-review", "review-full"]);
      assert.ok(storedBytes(target, large).row <= 3 * 1024 * 1024);
      const [last] = (await shown(ana, large)).candidates.slice(-1);
      const fields = { candidate: last?.id };
      assert.equal(
        await ana.attempt("decide", "tidelock.reviews", large, fields, { seen: await headOf(ana) }),
        "applied",
      );
      await target.assertWell();
    });

    test("notes of any size, and decisions of any size, stop at their bound", async () => {
      const id = await openReview(target, "noted");
      const mallory = await Actor.join(target);
      const seen = await headOf(mallory);
      const huge = "n".repeat(900_000);
      for (const fields of [{ note: huge }, { assignee: huge }]) {
        assert.equal(await mallory.attempt("update", "tidelock.reviews", id, fields, { seen }), "mutation-too-large");
      }
      assert.equal(
        await mallory.attempt("decide", "tidelock.reviews", id, { value: huge }, { seen }),
        "mutation-too-large",
      );
      await target.assertWell();
    });

    test("floods of `void` and of refused decisions leave little, and nothing in the log", async () => {
      const id = await openReview(target, "flooded");
      const ana = await Actor.join(target, ANA);
      const mallory = await Actor.join(target);
      const before = loggedBytes(target);
      const seen = await headOf(mallory);
      const junk = "v".repeat(500);
      const flood = (): Promise<unknown> =>
        mallory.push(
          Array.from({ length: 1000 }, (_, index) =>
            index % 2 === 0
              ? mallory.mutation("void", "nothing", "x", { junk })
              : mallory.mutation("decide", "tidelock.reviews", id, { candidate: junk }, { seen }),
          ),
        );
      for (let round = 0; round < 3; round++) await flood();
      assert.deepEqual(loggedBytes(target), before, "what is refused is in no log");
      assert.equal(await ana.attempt("decide", "tidelock.reviews", id, { value: "in peace" }, { seen }), "applied");
      const odd = await mallory.push(
        ["tasks", "tidelock.reviews", "constructor", "wild"].map((collection) =>
          mallory.mutation("void", collection, "x", { x: 1 }),
        ),
      );
      for (const [, outcome, offset] of odd) assert.deepEqual([outcome, offset], ["rejected", 0]);
      await target.assertWell();
    });

    test("what one adds to the record of conflicts is in proportion to what one says", async () => {
      await openReview(target, "recorded");
      const mallory = await Actor.join(target);
      await mallory.write("update", "trials", "recorded", { text: "x".repeat(1000) });
      const before = loggedBytes(target);
      await mallory.push(
        Array.from({ length: 500 }, (_, index) =>
          mallory.mutation("update", "trials", "recorded", { text: `t${index}` }),
        ),
      );
      const after = loggedBytes(target);
      const growth = (after.events - before.events + after.decisions - before.decisions) / 500;
      assert.ok(growth < 8000, `${growth} bytes for a candidate of five`);
      await target.assertWell();
    });
  });
}
