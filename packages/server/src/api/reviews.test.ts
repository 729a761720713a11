import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ReviewRecord } from "../engine/inquiry-records.ts";
import { Office } from "./inquiries.fixture.ts";
import { request } from "./served.fixture.ts";

interface Done {
  readonly id: string;
  readonly temp_id: string;
  readonly version: string;
  readonly outcome: string;
}

async function post(office: Office, path: string, user: string, body: object): Promise<Done> {
  const response = await request(office.served, `/sync/reviews/${path}`, { token: `acme/${user}`, body });
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as Done;
}

/** A review of the task's status: ana says done, ben says dropped. */
async function reviewOf(office: Office, entity: string = "t1"): Promise<ReviewRecord> {
  await office.disagree(entity, { status: "done" }, { status: "dropped" });
  const { reviews } = await office.reviews();
  const found = reviews.find((each) => each.entity_id === entity);
  assert.ok(found !== undefined);
  return found;
}

const byOwner = { tasks: { read: ({ user }: { readonly user: string }) => ({ owner: user }) } };

describe("GET /sync/reviews", () => {
  test("shows what waits for a person, with everything that is needed to decide", async (t) => {
    const office = await Office.open(t);
    const review = await reviewOf(office);
    assert.deepEqual(
      [review.collection, review.entity_id, review.field, review.status, review.policy, review.outcome],
      ["tasks", "t1", "status", "open", "review", null],
    );
    assert.deepEqual(
      review.candidates.map(({ id, user, value }) => [id, user, value]),
      [
        ["ana:1", "ana", "done"],
        ["ben:1", "ben", "dropped"],
      ],
    );
    assert.ok(review.candidates.every(({ version, time }) => version !== null && Date.parse(time) > 0));
    assert.deepEqual(review.row["title"], "Water");
    assert.ok(Date.parse(review.opened_at) > 0 && review.closed_at === null && review.due === null);
    assert.deepEqual(await office.review(review.id), review);
  });

  test("finds them by status, collection and assignee, and goes page by page", async (t) => {
    const office = await Office.open(t);
    const all = [];
    for (const entity of ["t1", "t2", "t3", "t4", "t5"]) all.push(await reviewOf(office, entity));
    const [first, second] = all;
    assert.ok(first !== undefined && second !== undefined);
    await post(office, `${first.id}/decide`, "ana", {
      device_id: "ana",
      temp_id: "d1",
      version: first.version,
      candidate: "ana:1",
    });
    await post(office, second.id, "ana", { device_id: "ana", temp_id: "a1", assignee: "ben" });
    const found = async (parameters: string): Promise<string[]> =>
      (await office.reviews(parameters)).reviews.map((review) => review.entity_id).sort();
    assert.deepEqual(await found(""), ["t2", "t3", "t4", "t5"]);
    assert.deepEqual(await found("?status=closed"), ["t1"]);
    assert.deepEqual(await found("?status=all"), ["t1", "t2", "t3", "t4", "t5"]);
    assert.deepEqual(await found("?assignee=ben"), ["t2"]);
    assert.deepEqual(await found("?assignee="), ["t3", "t4", "t5"]);
    assert.deepEqual(await found("?collection=notes"), []);
    assert.deepEqual(await found("?collection=tasks&assignee=ben"), ["t2"]);
    const paged: string[] = [];
    for (let after: string | null = ""; after !== null;) {
      const page = await office.reviews(`?limit=2${after === "" ? "" : `&after=${after}`}`);
      assert.ok(page.reviews.length <= 2);
      paged.push(...page.reviews.map((review) => review.entity_id));
      after = page.next;
    }
    assert.deepEqual(paged.sort(), ["t2", "t3", "t4", "t5"]);
  });

  test("who may not read the entity does not see its review [H21]", async (t) => {
    const office = await Office.open(t, { rules: byOwner });
    const review = await reviewOf(office);
    assert.deepEqual((await office.reviews("", "acme/ben")).reviews, []);
    const [status, code] = await office.refusal(`/sync/reviews/${review.id}`, { token: "acme/ben" });
    assert.deepEqual([status, code], [404, "entity-not-found"]);
    assert.deepEqual((await office.reviews("", "other/ana")).reviews, []);
  });

  test("a closed review is for those who may read its entity as it is now [H21] [H25]", async (t) => {
    const office = await Office.open(t, { rules: byOwner });
    const { id, version } = await reviewOf(office);
    await post(office, `${id}/decide`, "ana", { device_id: "ana", temp_id: "d1", version, candidate: "ana:1" });
    const visibleTo = async (user: string): Promise<number> =>
      (await office.reviews("?status=closed", `acme/${user}`)).reviews.length;
    assert.deepEqual([await visibleTo("ana"), await visibleTo("ben")], [1, 0]);
    const change = { payload: { owner: "ben" }, version: (await office.history("t1")).version };
    await office.write("ana", "update", "t1", change);
    assert.deepEqual([await visibleTo("ana"), await visibleTo("ben")], [0, 1]);
    assert.equal((await office.review(id, "acme/ben")).outcome?.user, "ana");
    assert.equal((await office.refusal(`/sync/reviews/${id}`))[1], "entity-not-found");
    await office.write("ben", "delete", "t1");
    assert.deepEqual([await visibleTo("ana"), await visibleTo("ben")], [0, 1]);
  });

  test("refuses what it cannot use, by the name of the parameter", async (t) => {
    const office = await Office.open(t);
    for (const [path, code, names] of [
      ["?status=maybe", "invalid-message", /status/],
      ["?after=%00", "invalid-id", /after/],
      ["?assignee=a&assignee=b", "invalid-message", /assignee/],
      ["?collection=nowhere", "unknown-collection", /nowhere/],
      ["?limit=many", "invalid-message", /limit/],
      ["/%2e%2e", "not-found", /./],
      ["/a%2Fb", "invalid-id", /review/],
      ["/nothing", "entity-not-found", /nothing/],
      ["/nothing?x=1", "invalid-message", /x/],
    ] as const) {
      const [, got, message] = await office.refusal(`/sync/reviews${path}`);
      assert.equal(got, code, path);
      assert.match(message, names, path);
    }
  });
});

describe("POST /sync/reviews/{id}/decide", () => {
  test("decides for a candidate, for everybody", async (t) => {
    const office = await Office.open(t);
    const { id, version } = await reviewOf(office);
    const body = { device_id: "cleo", temp_id: "d1", version, candidate: "ben:1" };
    const done = await post(office, `${id}/decide`, "cleo", body);
    assert.deepEqual([done.id, done.temp_id, done.outcome], [id, "d1", "applied"]);
    const review = await office.review(id);
    assert.deepEqual(
      [review.status, review.outcome?.kind, review.outcome?.candidate, review.outcome?.user],
      ["closed", "pick", "ben:1", "cleo"],
    );
    assert.equal((await office.history("t1")).fields?.["status"], "dropped");
    const [decision] = (await office.conflicts("?entity=t1")).conflicts;
    assert.deepEqual([decision?.policy, decision?.winner], ["review", "incoming"]);
    assert.match(decision?.reason ?? "", /cleo/);
  });

  test("sent again it has one effect, and the same answer", async (t) => {
    const office = await Office.open(t);
    const { id, version } = await reviewOf(office);
    const body = { device_id: "cleo", temp_id: "d1", version, value: "open" };
    await post(office, `${id}/decide`, "cleo", body);
    const again = await post(office, `${id}/decide`, "cleo", body);
    assert.equal(again.outcome, "duplicate");
    assert.equal((await office.history("t1")).fields?.["status"], "open");
  });

  test("the second to decide is told by whom and how [H20]", async (t) => {
    const office = await Office.open(t);
    const { id, version } = await reviewOf(office);
    const decide = (user: string, candidate: string): Promise<Response> =>
      request(office.served, `/sync/reviews/${id}/decide`, {
        token: `acme/${user}`,
        body: { device_id: user, temp_id: "d1", version, candidate },
      });
    const answers = await Promise.all([decide("cleo", "ana:1"), decide("dan", "ben:1")]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
    const refused = answers.find(({ status }) => status === 409);
    assert.ok(refused !== undefined);
    const { error } = (await refused.json()) as { error: { code: string; message: string; fix: string } };
    assert.equal(error.code, "review-closed");
    assert.match(error.message, /^(cleo|dan) has decided already: the field has "(done|dropped)"$/);
    assert.ok(error.fix.length > 0);
    // And the same again, however often it is sent.
    const loser = answers[0]?.status === 409 ? "cleo" : "dan";
    assert.equal((await decide(loser, "ana:1")).status, 409);
  });

  test("nobody decides over a value that he has not seen [H20]", async (t) => {
    const office = await Office.open(t);
    const { id, version } = await reviewOf(office);
    await office.write("dan", "update", "t1", { payload: { status: "done" } });
    await office.write("eva", "update", "t1", { payload: { status: "open" } });
    const [status, code, message] = await office.refusal(`/sync/reviews/${id}/decide`, {
      token: "acme/cleo",
      body: { device_id: "cleo", temp_id: "d1", version, candidate: "ana:1" },
    });
    assert.deepEqual([status, code], [409, "review-changed"]);
    assert.match(message, /dan|eva/);
  });

  test("the collection's review rule holds [H21]", async (t) => {
    const review = ({ user }: { readonly user: string }): boolean | string => user === "cleo" || "only cleo decides";
    const office = await Office.open(t, { rules: { tasks: { review } } });
    const { id, version } = await reviewOf(office);
    const body = { device_id: "ben", temp_id: "d1", version, candidate: "ana:1" };
    const refused = await office.refusal(`/sync/reviews/${id}/decide`, { token: "acme/ben", body });
    assert.deepEqual(refused, [403, "forbidden", "only cleo decides"]);
    const notes = { device_id: "ben", temp_id: "n1", assignee: "ben" };
    assert.equal((await office.refusal(`/sync/reviews/${id}`, { token: "acme/ben", body: notes }))[0], 403);
    await post(office, `${id}/decide`, "cleo", { ...body, device_id: "cleo" });
  });

  test("refuses bodies that are none, by the name of the part", async (t) => {
    const office = await Office.open(t);
    const { id, version } = await reviewOf(office);
    const good = { device_id: "ana", temp_id: "d1", version, candidate: "ana:1" };
    for (const [body, code, names] of [
      [[], "invalid-message", /body/],
      [{ ...good, device_id: "../x" }, "device-invalid", /device_id/],
      [{ ...good, device_id: "ben-phone ", value: 1 }, "invalid-message", /either/],
      [{ ...good, temp_id: "" }, "invalid-message", /temp_id/],
      [{ ...good, version: undefined }, "invalid-message", /version/],
      [{ ...good, version: 7 }, "invalid-message", /version/],
      [{ ...good, version: "yesterday" }, "version-invalid", /yesterday/],
      [{ ...good, temp_id: "d2", version: `${version.split(".")[0]}.999` }, "version-invalid", /./],
      [{ ...good, temp_id: "d3", candidate: "nobody:1" }, "invalid-value", /nobody/],
      [{ ...good, candidate: { id: "ana:1" } }, "invalid-message", /candidate/],
      [{ device_id: "ana", temp_id: "d4", version }, "invalid-message", /either/],
      [{ device_id: "ana", temp_id: "d5", version, value: "gone" }, "invalid-value", /status/],
    ] as const) {
      const [, got, message] = await office.refusal(`/sync/reviews/${id}/decide`, { body });
      assert.equal(got, code, JSON.stringify(body));
      assert.match(message, names, JSON.stringify(body));
    }
    const [status, code] = await office.refusal("/sync/reviews/nothing/decide", { body: { ...good, temp_id: "d9" } });
    assert.deepEqual([status, code], [404, "entity-not-found"]);
    const taken = await office.refusal(`/sync/reviews/${id}/decide`, { token: "acme/ben", body: good });
    assert.deepEqual(taken.slice(0, 2), [403, "device-taken"]);
    assert.equal((await office.review(id)).status, "open");
  });
});

describe("POST /sync/reviews/{id}", () => {
  test("changes who is to decide, until when, and the note; a change without a version is no conflict", async (t) => {
    const office = await Office.open(t);
    const { id } = await reviewOf(office);
    const before = (await office.conflicts()).conflicts.length;
    const notes = { assignee: "ben", note: "Ask the customer.", due: "2030-01-01T00:00:00.000Z", on_expiry: "latest" };
    await post(office, id, "ana", { device_id: "ana", temp_id: "n1", ...notes });
    const { assignee, note, due, on_expiry } = await office.review(id);
    assert.deepEqual({ assignee, note, due, on_expiry }, notes);
    await post(office, id, "ben", { device_id: "ben", temp_id: "n2", assignee: null, due: null });
    const later = await office.review(id);
    assert.deepEqual([later.assignee, later.due, later.note], [null, null, "Ask the customer."]);
    assert.equal((await office.conflicts()).conflicts.length, before);
  });

  test("refuses what is no change", async (t) => {
    const office = await Office.open(t);
    const { id } = await reviewOf(office);
    const author = { device_id: "ana", temp_id: "n1" };
    for (const [body, code, names] of [
      [author, "invalid-message", /nothing changes/],
      [{ ...author, status: "closed" }, "invalid-message", /nothing changes/],
      [{ ...author, due: "tomorrow" }, "invalid-message", /due/],
      [{ ...author, due: 5 }, "invalid-message", /due/],
      [{ ...author, assignee: 5 }, "invalid-message", /assignee/],
      [{ ...author, on_expiry: "never" }, "invalid-value", /onExpiry/],
    ] as const) {
      const [, got, message] = await office.refusal(`/sync/reviews/${id}`, { body });
      assert.equal(got, code, JSON.stringify(body));
      assert.match(message, names, JSON.stringify(body));
    }
  });
});
