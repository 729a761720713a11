import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DEFAULT_LIMITS, parseTenantId, parseUserId } from "@tidelock/core";
import { Admission } from "./admission.ts";
import { originAllowed } from "./origin.ts";
import { must } from "./scripted.fixture.ts";
import { TokenBucket } from "./token-bucket.ts";

describe("admission", () => {
  const tenant = must(parseTenantId("acme"));
  const user = must(parseUserId("ana"));

  test("a place that is given back twice is given back once", () => {
    const admission = new Admission({ ...DEFAULT_LIMITS, maxUnauthenticated: 2 });
    const leave = admission.enter();
    assert.ok(admission.enter() !== null && admission.enter() === null);
    leave?.();
    leave?.();
    assert.ok(admission.enter() !== null && admission.enter() === null);
  });

  test("a refusal takes nothing", () => {
    const admission = new Admission({ ...DEFAULT_LIMITS, maxSessionsPerUser: 1 });
    const leave = admission.open(tenant, user);
    assert.throws(() => admission.open(tenant, user), /too-many-connections/);
    assert.equal(admission.sessions, 1);
    leave();
    leave();
    assert.equal(admission.sessions, 0);
    admission.open(tenant, user);
  });
});

describe("token buckets", () => {
  test("grant a burst, then the rate", () => {
    const bucket = new TokenBucket(10, 5, 0);
    for (let taken = 0; taken < 5; taken++) assert.equal(bucket.take(1, 0), 0);
    assert.equal(bucket.take(1, 0), 100);
    assert.equal(bucket.take(1, 50), 50);
    assert.equal(bucket.take(1, 100), 0);
  });

  test("a refusal costs nothing, and time never adds more than a burst", () => {
    const bucket = new TokenBucket(10, 5, 0);
    assert.equal(bucket.take(5, 0), 0);
    assert.ok(bucket.take(4, 300) > 0);
    assert.equal(bucket.take(3, 300), 0);
    assert.equal(bucket.take(5, 1e9), 0);
    assert.ok(bucket.take(1, 1e9) > 0);
  });

  test("what is larger than a burst passes a full bucket and is paid for afterwards", () => {
    const bucket = new TokenBucket(10, 5, 0);
    assert.equal(bucket.take(20, 0), 0);
    assert.equal(bucket.take(1, 1500), 100);
    assert.equal(bucket.take(1, 1600), 0);
  });

  test("a clock that goes back grants nothing", () => {
    const bucket = new TokenBucket(10, 1, 1000);
    assert.equal(bucket.take(1, 1000), 0);
    assert.ok(bucket.take(1, 0) > 0);
  });
});

describe("origins", () => {
  const cases: ReadonlyArray<readonly [origin: string | null, host: string | null, allowed: boolean]> = [
    [null, "sync.example", true],
    ["https://sync.example", "sync.example", true],
    ["https://sync.example", "SYNC.example", true],
    ["https://sync.example:8443", "sync.example", false],
    ["https://app.example", "sync.example", true],
    ["https://app.example.evil.example", "sync.example", false],
    ["https://evil.example", "sync.example", false],
    ["null", "sync.example", false],
    ["", "sync.example", false],
    ["file://", "sync.example", false],
    ["http://localhost:5173", "127.0.0.1:4400", true],
    ["http://[::1]:5173", "localhost:4400", true],
    ["http://localhost:5173", "sync.example", false],
    ["http://localhost.evil.example", "localhost:4400", false],
    ["https://sync.example", null, false],
  ];
  for (const [origin, host, allowed] of cases) {
    test(`${origin ?? "none"} at ${host ?? "no host"}: ${allowed ? "yes" : "no"}`, () => {
      assert.equal(originAllowed(["https://app.example"], origin, host), allowed);
    });
  }
  test("* is every page", () => assert.ok(originAllowed("*", "https://evil.example", "sync.example")));
});
