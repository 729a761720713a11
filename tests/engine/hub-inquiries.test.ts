/** Inquiries at the hub itself: what one of them may cost, and disks that fail under it. Their answers: see the HTTP tests. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { collection, defineSchema, field, review } from "@tidelock/core";
import type { HubEffect, HubInput } from "@tidelock/server/engine";
import { HubRig, plain } from "./hub-rig.ts";
import { device, entity, user } from "./names.ts";

type QueryInput = Extract<HubInput, { type: "query" }>;
type Answer = Extract<HubEffect, { type: "query-answer" }>["answer"];

const schema = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string().default(""),
      owner: field.string().default(""),
      status: field.string().default("").policy(review()),
    }),
  },
});
const byOwner = { tasks: { read: ({ user: name }: { readonly user: string }) => ({ owner: name }) } };
const NEWEST: QueryInput["query"] = { kind: "conflicts", where: {}, limit: 10 };

/** Asks, and answers what came of it so far. */
function ask(rig: HubRig, query: QueryInput["query"], name: string = "ana"): () => Answer | undefined {
  const request = 1_000_000 + rig.effects.length;
  const principal = { user: user(name), claims: {}, expires: null };
  rig.input({ type: "query", request, principal, query });
  return () => {
    const answers = rig.effects.filter((effect) => effect.type === "query-answer" && effect.request === request);
    assert.ok(answers.length <= 1, "answered twice");
    const [first] = answers;
    return first?.type === "query-answer" ? first.answer : undefined;
  };
}

/** Decisions about one entity, each of another device that had seen nothing. */
function disagree(rig: HubRig, id: string, owner: string, count: number): void {
  rig.reconcile({ mutations: [plain(`make-${id}`, { entity: entity(id), payload: { owner, title: "first" } })] });
  for (let index = 0; index < count; index++) {
    const more = { operation: "update", entity: entity(id), payload: { title: `${index}` } };
    rig.reconcile({ device: device(`${id}-${index}`), mutations: [plain(`m-${index}`, more)] });
  }
}

function bodyOf(answer: Answer | undefined): unknown {
  assert.ok(answer?.ok, JSON.stringify(answer));
  return answer.body;
}

describe("inquiries", () => {
  test("[H25] one looks at a bounded number of decisions, and says where the next goes on", () => {
    const rig = new HubRig({ schema, rules: byOwner });
    disagree(rig, "mine", "ana", 2);
    disagree(rig, "hidden", "ben", 4500);
    const before = rig.effects.length;
    const first = bodyOf(ask(rig, NEWEST)()) as { conflicts: unknown[]; next: string };
    const reads = rig.effects.slice(before).filter(({ type }) => type === "read");
    assert.ok(reads.length < 200, `${reads.length} reads`);
    assert.deepEqual(first.conflicts, []);
    let next: string | null = first.next;
    let found = 0;
    let asked = 1;
    while (next !== null) {
      const [offset = 0, index = 0] = next.split(".").map(Number);
      const page = bodyOf(ask(rig, { ...NEWEST, where: { before: { offset, index } } })()) as typeof first;
      found += page.conflicts.length;
      next = page.next;
      asked += 1;
    }
    assert.equal(found, 2);
    assert.ok(asked >= 3 && asked < 10, `${asked} inquiries`);
  });

  test("[H4] a disk that fails under an inquiry, at any of its reads, refuses it and nothing else", () => {
    const rig = new HubRig({ schema });
    disagree(rig, "t1", "ana", 3);
    rig.reconcile({ mutations: [plain("gone", { operation: "delete", entity: entity("t1") })] });
    const status = { operation: "update", entity: entity("t2"), payload: { status: "b" } };
    rig.reconcile({ mutations: [plain("t2", { entity: entity("t2"), payload: { status: "a" } })] });
    rig.reconcile({ device: device("other"), mutations: [plain("s", status)] });
    const queries: ReadonlyArray<QueryInput["query"]> = [
      NEWEST,
      { kind: "conflict", place: { offset: 2, index: 0 } },
      { kind: "history", collection: "tasks", entity: entity("t1"), before: null, limit: 10 },
      { kind: "history", collection: "tasks", entity: entity("t1"), before: 3, limit: 10 },
      { kind: "reviews", status: "all", collection: null, entity: null, assignee: null, after: null, limit: 10 },
      { kind: "review", id: entity("review:other:1:1.2") },
    ];
    let failures = 0;
    for (const query of queries) {
      for (let failing = 0; ; failing++) {
        let reads = 0;
        rig.holds = (asked) => asked.type === "read" && reads++ === failing;
        const answer = ask(rig, query);
        if (rig.held.length === 0) {
          if (query.kind !== "review") assert.ok(answer()?.ok, JSON.stringify([query, answer()]));
          break;
        }
        assert.equal(answer(), undefined);
        rig.fail();
        failures += 1;
        assert.deepEqual(answer(), { ok: false, code: "storage-unavailable", message: "" });
        assert.ok(rig.hub.idle, "nothing is left under way");
      }
    }
    assert.ok(failures > 12, `${failures} failures`);
  });

  test("[H4] a hub that sends everybody away takes no inquiry any more", () => {
    const rig = new HubRig({ schema });
    rig.input({ type: "drain" });
    assert.deepEqual(ask(rig, NEWEST)(), { ok: false, code: "shutting-down", message: "" });
  });

  test("[H25] many inquiries at once are each answered once, whatever the order of their reads", () => {
    const rig = new HubRig({ schema });
    disagree(rig, "t1", "ana", 5);
    rig.holds = (asked) => asked.type === "read";
    const answers = Array.from({ length: 20 }, () => ask(rig, NEWEST));
    while (rig.held.length > 0) rig.release(rig.held.at(-1));
    const texts = new Set(answers.map((answer) => JSON.stringify(bodyOf(answer()))));
    assert.equal(texts.size, 1);
  });
});
