/**
 * What Ana writes where Mallory may not read: it reaches him on no path, whatever he writes to it unseen, whoever he asks,
 * and whatever becomes of it. He may write to `cases` and `drafts` without reading them, and to `vaults` not at all. All
 * that he receives goes past the witness; what he could learn from the form of a refusal is compared here.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Actor, stampAt } from "./actor.ts";
import type { Target } from "./target.ts";
import { ANA, HIDDEN, OLGA } from "./world.ts";

/** Everything that can be asked of an entity and of its reviews. */
async function askAll(mallory: Actor, collection: string, entity: string, reviews: readonly string[]): Promise<void> {
  const paths = [
    `/sync/conflicts`,
    `/sync/conflicts?collection=${collection}`,
    `/sync/conflicts?entity=${entity}`,
    `/sync/conflicts?policy=review&limit=200`,
    `/sync/conflicts?winner=incoming&field=text`,
    `/sync/history/${collection}/${entity}`,
    `/sync/history/${collection}/${entity}?limit=200`,
    ...reviews.map((id) => `/sync/history/tidelock.reviews/${id}`),
    ...reviews.map((id) => `/sync/reviews/${id}`),
    ...reviews.map((id) => `/sync/conflicts?collection=tidelock.reviews&entity=${id}`),
    ...["open", "closed", "all"].map((status) => `/sync/reviews?status=${status}&limit=200`),
    `/sync/reviews?status=all&entity=${entity}`,
    `/sync/reviews?status=all&collection=${collection}`,
    `/sync/schema`,
    ...Array.from({ length: 5 }, (_, index) => `/sync/conflicts/${mallory.welcome.head + index}.0`),
  ];
  for (const path of paths) {
    const answer = await mallory.ask("GET", path);
    assert.match(String(answer.status), /^(200|404|429)$/, answer.body);
  }
  const body = JSON.stringify({ device_id: `${mallory.device}-http`, last_ack_version: null, mutations: [] });
  await mallory.ask("POST", "/sync/reconcile", { body });
}

/** What Mallory can do to an entity and to its reviews without having seen them. */
async function touchAll(mallory: Actor, collection: string, entity: string, reviews: readonly string[]): Promise<void> {
  const head = mallory.welcome.head;
  const fields = collection === "cases" ? [{ verdict: "mine" }, { level: 7 }, { text: "mine" }] : [{ text: "mine" }];
  const writes = [
    ...fields.flatMap((written) => [
      mallory.mutation("update", collection, entity, written),
      mallory.mutation("update", collection, entity, written, { stamp: stampAt(1e9) }),
    ]),
    mallory.mutation("update", collection, entity, { labels: { add: ["mine"], remove: ["guess"] } }),
    mallory.mutation("update", collection, entity, { labels: ["mine"] }),
    mallory.mutation("create", collection, entity, { owner: "mallory", text: "mine" }),
    ...reviews.flatMap((id) => [
      mallory.mutation("decide", "tidelock.reviews", id, { value: "mine" }, { seen: head }),
      mallory.mutation("decide", "tidelock.reviews", id, { candidate: `${mallory.device}:1` }, { seen: head }),
      mallory.mutation("update", "tidelock.reviews", id, { assignee: "mallory" }),
      mallory.mutation("update", "tidelock.reviews", id, { due: 1, onExpiry: "latest" }),
      mallory.mutation("delete", "tidelock.reviews", id, {}),
    ]),
  ];
  const rows = await mallory.push(writes);
  assert.equal(rows.length, writes.length);
  for (const [, , , detail] of rows) {
    for (const conflict of detail?.conflicts ?? []) {
      assert.deepEqual([conflict.current.value, conflict.current.user], [null, null], JSON.stringify(conflict));
    }
  }
}

/** The reviews that Ana sees. */
async function reviewsOf(ana: Actor, entity: string): Promise<readonly string[]> {
  const { reviews } = await ana.get<{ reviews: ReadonlyArray<{ id: string }> }>(
    `/sync/reviews?status=all&entity=${entity}&limit=200`,
  );
  return reviews.map(({ id }) => id);
}

export function attackSecrecy(target: Target): void {
  describe("what is Ana's and not to be read", () => {
    test("through writes that meet hers, reviews that they open, decisions, and the record over HTTP", async () => {
      const ana = await Actor.join(target, ANA);
      const mallory = await Actor.join(target, undefined, { hears: true });
      const other = await Actor.join(target, ANA);
      const owned = { owner: "ana", text: HIDDEN, verdict: HIDDEN, level: 1, labels: [HIDDEN, "guess"] };
      await ana.write("create", "cases", "case-1", { ...owned, steps: [{ id: "s1", text: HIDDEN }] });
      await other.write("update", "cases", "case-1", { verdict: `${HIDDEN} too`, level: 2 });
      const reviews = await reviewsOf(ana, "case-1");
      assert.equal(reviews.length, 2);
      await touchAll(mallory, "cases", "case-1", reviews);
      await askAll(mallory, "cases", "case-1", reviews);
      const [verdict = ""] = reviews;
      const decided = await ana.write(
        "decide",
        "tidelock.reviews",
        verdict,
        { value: `${HIDDEN} decided` },
        { seen: await headOf(ana) },
      );
      assert.equal(decided[1], "applied", JSON.stringify(decided));
      await touchAll(mallory, "cases", "case-1", await reviewsOf(ana, "case-1"));
      await askAll(mallory, "cases", "case-1", await reviewsOf(ana, "case-1"));
      await target.assertWell();
    });

    test("through deletes that meet his updates, and through what is brought back", async () => {
      const ana = await Actor.join(target, ANA);
      const mallory = await Actor.join(target, undefined, { hears: true });
      for (const collection of ["drafts", "cases"]) {
        const entity = `${collection}-gone`;
        await ana.write("create", collection, entity, { owner: "ana", text: HIDDEN, labels: [HIDDEN, "guess"] });
        await ana.write("update", collection, entity, { text: `${HIDDEN} again` }, { stamp: stampAt(2e9) });
        await ana.write("delete", collection, entity, {});
        const [brought] = await mallory.push([
          mallory.mutation("update", collection, entity, { text: "mine", labels: { remove: ["guess"] } }),
        ]);
        assert.notEqual(brought?.[1], "rejected", "there must be something to see");
        await touchAll(mallory, collection, entity, await reviewsOf(ana, entity));
        await askAll(mallory, collection, entity, await reviewsOf(ana, entity));
        await mallory.write("delete", collection, entity, {});
        await touchAll(mallory, collection, entity, await reviewsOf(ana, entity));
        await askAll(mallory, collection, entity, await reviewsOf(ana, entity));
      }
      await target.assertWell();
    });

    test("through what moves out of his view: nothing of afterwards", async () => {
      const ana = await Actor.join(target, ANA);
      const mallory = await Actor.join(target, undefined, { hears: true });
      const other = await Actor.join(target, ANA);
      await ana.write("create", "cases", "lent", { owner: "mallory", text: "open", verdict: "open" });
      await other.write("update", "cases", "lent", { verdict: "open too" });
      const reviews = await reviewsOf(mallory, "lent");
      assert.equal(reviews.length, 1, "while it is his he sees its review");
      await ana.write("update", "cases", "lent", { owner: "ana" }, { seen: await headOf(mallory) });
      await ana.write("update", "cases", "lent", { text: HIDDEN, verdict: HIDDEN });
      assert.deepEqual(await reviewsOf(mallory, "lent"), []);
      await touchAll(mallory, "cases", "lent", reviews);
      await askAll(mallory, "cases", "lent", reviews);
      const decided = await ana.write(
        "decide",
        "tidelock.reviews",
        reviews[0] ?? "",
        { value: HIDDEN },
        { seen: await headOf(ana) },
      );
      assert.equal(decided[1], "applied", JSON.stringify(decided));
      await touchAll(mallory, "cases", "lent", reviews);
      await ana.write("delete", "cases", "lent", {}, { seen: await headOf(ana) });
      await touchAll(mallory, "cases", "lent", await reviewsOf(ana, "lent"));
      await askAll(mallory, "cases", "lent", await reviewsOf(ana, "lent"));
      await target.assertWell();
    });

    test("through whether he is refused: what he may not write says nothing of what is in it", async () => {
      const ana = await Actor.join(target, ANA);
      const mallory = await Actor.join(target);
      const labels = Array.from({ length: 999 }, (_, index) => `l${index}`);
      await ana.write("create", "vaults", "vault", {
        owner: "ana",
        text: HIDDEN,
        votes: { add: 1_000_000 },
        labels: { add: [...labels, "yes"] },
        steps: [{ id: "yes", text: HIDDEN }],
      });
      const other = await Actor.join(target, ANA);
      await other.write("update", "vaults", "vault", { text: `${HIDDEN} too` });
      const rest = Number.MAX_SAFE_INTEGER - 1_000_000;
      for (const [what, one, another] of [
        ["the sum of a counter", { votes: { add: rest } }, { votes: { add: rest + 1 } }],
        ["an element of a set", { labels: { add: ["yes"] } }, { labels: { add: ["no"] } }],
        ["an item of a list", { steps: { ops: [["move", "yes", null]] } }, { steps: { ops: [["move", "no", null]] } }],
        [
          "an item's text",
          { steps: { ops: [["edit", "yes", { text: "x" }]] } },
          { steps: { ops: [["edit", "no", { text: "x" }]] } },
        ],
      ] as const) {
        const [first, second] = await mallory.push([
          mallory.mutation("update", "vaults", "vault", one),
          mallory.mutation("update", "vaults", "vault", another),
        ]);
        assert.deepEqual(first?.slice(1), second?.slice(1), `${what} can be told from refusals`);
      }
      await target.assertWell();
    });

    test("through calls with rights that he does not have", async () => {
      const ana = await Actor.join(target, ANA);
      const mallory = await Actor.join(target);
      await ana.write("create", "vaults", "called", { owner: "ana", text: HIDDEN, labels: ["guess"] });
      for (const vault of ["called", "ana-0", "task-of-olga", "nothing"]) {
        for (const label of ["guess", "x"]) {
          const code = await mallory.attempt("call", "label", "label", { vault, label });
          assert.match(code, /^(forbidden|entity-not-found)$/);
        }
      }
      await target.assertWell();
    });

    test("across tenants: ids of reviews, decisions and entities that are Olga's mean nothing here", async () => {
      const olga = await Actor.join(target, OLGA, { device: "olgas" });
      const second = await Actor.join(target, OLGA, { device: "olgas-second" });
      await olga.write("create", "trials", "trial-of-olga", { text: "one" });
      await second.write("update", "trials", "trial-of-olga", { text: "two" });
      const reviews = await reviewsOf(olga, "trial-of-olga");
      assert.equal(reviews.length, 1);
      const mallory = await Actor.join(target, undefined, { hears: true });
      const head = mallory.welcome.head;
      for (const id of [...reviews, "review:olgas:1:0.0", "review:olgas:1:0.all", "review:nobody:1:0.0"]) {
        const codes = [
          await mallory.attempt("decide", "tidelock.reviews", id, { value: "mine" }, { seen: head }),
          await mallory.attempt("update", "tidelock.reviews", id, { note: "mine" }),
        ];
        assert.deepEqual(codes, ["entity-not-found", "entity-not-found"], id);
        for (const path of [`/sync/reviews/${id}`, `/sync/history/tidelock.reviews/${id}`]) {
          assert.equal((await mallory.ask("GET", path)).status, 404, path);
        }
      }
      assert.equal((await mallory.ask("GET", "/sync/history/trials/trial-of-olga")).status, 404);
      await target.assertWell();
    });
  });
}

/** Where the log ends, as far as somebody is told. */
export async function headOf(actor: Actor): Promise<number> {
  const body = JSON.stringify({ device_id: `${actor.device}-head`, last_ack_version: null, mutations: [] });
  const answer = await actor.ask("POST", "/sync/reconcile", { body });
  const { checkpoint } = JSON.parse(answer.body) as { checkpoint: string };
  return Number(/\.(\d+)(?:!|$)/.exec(checkpoint)?.[1]);
}
