/** Replays `vectors/*.json`, as a client in another language would. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { canonicalJson, type JsonValue, jsonProblem } from "./base/json.ts";
import { fingerprint } from "./base/hash.ts";
import { isErrorCode } from "./errors.ts";
import { compileFilter, type Filter, filterKey, filterProblem } from "./filter/filter.ts";
import {
  type DeviceId,
  isTemporaryId,
  parseDeviceId,
  parseEntityId,
  parseEpoch,
  parseRoomName,
  parseSessionId,
  parseTenantId,
  parseUserId,
  temporaryId,
  uuidv7,
} from "./ids.ts";
import { MAX_FRAME_BYTES } from "./limits.ts";
import { decodeCbor, encodeCbor } from "./protocol/cbor.ts";
import { cborCodec, jsonCodec } from "./protocol/codec.ts";
import { clientMessages, serverMessages } from "./protocol/messages.fuzz.ts";
import type { Contender } from "./resolve/decision.ts";
import { lastWriteWins } from "./resolve/last-write.ts";
import { HybridClock, makeStamp, nextStamp, parseStamp, type Stamp } from "./time/hlc.ts";
import { formatCheckpoint, parseCheckpoint } from "./version/checkpoint.ts";
import { covers, formatVersion, parseVersion } from "./version/version-vector.ts";

function load<Form>(name: string): Form {
  return JSON.parse(readFileSync(join(import.meta.dirname, `../vectors/${name}.json`), "utf8"));
}
function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}
function hex(encoded: string | Uint8Array): string {
  assert.ok(typeof encoded !== "string");
  return Buffer.from(encoded).toString("hex");
}

describe("messages.json", () => {
  interface Frame {
    readonly type: string;
    readonly name: string;
    readonly json: string;
    readonly cbor: string;
  }
  const vectors = load<{
    readonly client: readonly Frame[];
    readonly server: readonly Frame[];
    readonly refused: ReadonlyArray<{ from: "client" | "server"; name: string; json: string; code: string }>;
  }>("messages");

  for (const side of ["client", "server"] as const) {
    for (const { type, name, json, cbor } of vectors[side]) {
      test(`${side}: ${type}, ${name}`, () => {
        const decode = side === "client" ? "decodeClient" : "decodeServer";
        const message: unknown = JSON.parse(json);
        const fromJson = jsonCodec[decode](json, MAX_FRAME_BYTES);
        const fromCbor = cborCodec[decode](bytes(cbor), MAX_FRAME_BYTES);
        assert.deepEqual(fromJson, { ok: true, message });
        assert.deepEqual(fromCbor, { ok: true, message });
        assert.ok(fromJson.ok && fromJson.message.type === type);
        assert.equal(jsonCodec.encode(fromJson.message), json);
        assert.equal(hex(cborCodec.encode(fromJson.message)), cbor);
      });
    }
  }

  test("there is one of every type", () => {
    const types = (frames: readonly Frame[]): string[] => [...new Set(frames.map(({ type }) => type))].sort();
    assert.deepEqual(types(vectors.client), Object.keys(clientMessages).sort());
    assert.deepEqual(types(vectors.server), Object.keys(serverMessages).sort());
  });

  for (const { from, name, json, code } of vectors.refused) {
    test(`refused from the ${from}: ${name}`, () => {
      assert.ok(isErrorCode(code));
      const result = from === "client" ? jsonCodec.decodeClient(json, 100_000) : jsonCodec.decodeServer(json, 100_000);
      assert.equal(result.ok ? "accepted" : result.code, code);
    });
  }
});

describe("cbor.json", () => {
  const { limits, written, read, refused } = load<{
    readonly limits: { readonly maxDepth: number; readonly maxItems: number };
    readonly written: ReadonlyArray<{ readonly json: string; readonly cbor: string }>;
    readonly read: ReadonlyArray<{ readonly json: string; readonly cbor: string }>;
    readonly refused: ReadonlyArray<{ readonly name: string; readonly cbor: string }>;
  }>("cbor");
  test("written", () => {
    for (const { json, cbor } of written) {
      const value = JSON.parse(json) as JsonValue;
      assert.equal(hex(encodeCbor(value)), cbor, json);
      assert.deepEqual(decodeCbor(bytes(cbor), limits), { ok: true, value });
    }
    assert.ok(written.length > 40);
  });
  test("read", () => {
    for (const { json, cbor } of read) {
      assert.deepEqual(decodeCbor(bytes(cbor), limits), { ok: true, value: JSON.parse(json) });
    }
    assert.ok(read.length > 5);
  });
  for (const { name, cbor } of refused) {
    test(`refused: ${name}`, () => assert.equal(decodeCbor(bytes(cbor), limits).ok, false));
  }
});

describe("canonical.json", () => {
  const vectors = load<{
    readonly canonical: ReadonlyArray<{ readonly json: string; readonly canonical: string }>;
    readonly checked: ReadonlyArray<{
      readonly json: string;
      readonly maxDepth: number;
      readonly problem: string | null;
    }>;
    readonly fingerprints: ReadonlyArray<{ readonly text: string; readonly fingerprint: string }>;
  }>("canonical");
  test("canonical", () => {
    for (const { json, canonical } of vectors.canonical) assert.equal(canonicalJson(JSON.parse(json)), canonical);
    assert.ok(vectors.canonical.length > 10);
  });
  test("checked", () => {
    for (const { json, maxDepth, problem } of vectors.checked) {
      assert.equal(jsonProblem(JSON.parse(json), maxDepth), problem, json);
    }
    assert.ok(vectors.checked.length > 5);
  });
  test("fingerprints", () => {
    for (const { text, fingerprint: expected } of vectors.fingerprints) assert.equal(fingerprint(text), expected);
    assert.ok(vectors.fingerprints.length > 3);
  });
});

describe("ids.json", () => {
  interface Split {
    readonly accepted: readonly string[];
    readonly refused: readonly string[];
  }
  const vectors = load<{
    readonly name: Split;
    readonly entity: Split;
    readonly room: Split;
    readonly user: Split;
    readonly temporary: Split & { readonly made: ReadonlyArray<{ device: DeviceId; counter: number; id: string }> };
    readonly uuidv7: ReadonlyArray<{ readonly millis: number; readonly random: string; readonly id: string }>;
  }>("ids");
  const parsers: ReadonlyArray<readonly [Split, ReadonlyArray<(text: unknown) => string | null>]> = [
    [vectors.name, [parseTenantId, parseDeviceId, parseSessionId, parseEpoch]],
    [vectors.entity, [parseEntityId]],
    [vectors.room, [parseRoomName]],
    [vectors.user, [parseUserId]],
    [
      vectors.temporary,
      [
        (text) => {
          const id = parseEntityId(text);
          return id !== null && isTemporaryId(id) ? id : null;
        },
      ],
    ],
  ];
  test("accepted and refused", () => {
    for (const [{ accepted, refused }, parse] of parsers.flatMap(([split, all]) =>
      all.map((one) => [split, one] as const),
    )) {
      for (const text of accepted) assert.equal(parse(text), text);
      for (const text of refused) assert.equal(parse(text), null, JSON.stringify(text));
      assert.ok(accepted.length >= 2 && refused.length >= 5);
    }
  });
  test("made", () => {
    for (const { device, counter, id } of vectors.temporary.made) assert.equal(temporaryId(device, counter), id);
    for (const { millis, random, id } of vectors.uuidv7) assert.equal(uuidv7(millis, bytes(random)), id);
    assert.ok(vectors.temporary.made.length > 2 && vectors.uuidv7.length > 1);
  });
});

describe("hlc.json", () => {
  const vectors = load<{
    readonly made: ReadonlyArray<{ readonly millis: number; readonly ticks: number; readonly stamp: string }>;
    readonly next: ReadonlyArray<{ readonly stamp: Stamp; readonly next: string }>;
    readonly refused: readonly string[];
    readonly maxDriftMs: number;
    readonly clock: ReadonlyArray<{
      readonly tick?: { readonly now: number };
      readonly observe?: { readonly now: number; readonly stamp: Stamp };
      readonly last: string;
    }>;
  }>("hlc");
  test("stamps", () => {
    for (const { millis, ticks, stamp } of vectors.made) assert.equal(makeStamp(millis, ticks), stamp);
    for (const { stamp, next } of vectors.next) assert.equal(nextStamp(stamp), next);
    for (const text of vectors.refused) assert.equal(parseStamp(text), null);
    assert.ok(vectors.made.length > 3 && vectors.next.length > 3 && vectors.refused.length > 3);
  });
  test("one clock, step by step", () => {
    const clock = new HybridClock();
    for (const { tick, observe, last } of vectors.clock) {
      if (tick !== undefined) assert.equal(clock.tick(tick.now), last);
      if (observe !== undefined) clock.observe(observe.stamp, observe.now, vectors.maxDriftMs);
      assert.equal(clock.last, last);
    }
    assert.ok(vectors.clock.length > 8);
  });
});

describe("versions.json", () => {
  const vectors = load<{
    readonly versions: ReadonlyArray<{
      readonly text: string;
      readonly epoch: string;
      readonly floor: number;
      readonly dots: ReadonlyArray<readonly [DeviceId, number]>;
      readonly checkpoint: boolean;
    }>;
    readonly refused: readonly string[];
    readonly covers: ReadonlyArray<{
      readonly version: string;
      readonly dot: { readonly device: DeviceId; readonly counter: number; readonly offset: number };
      readonly covered: boolean;
    }>;
  }>("versions");
  test("versions and checkpoints", () => {
    for (const { text, epoch, floor, dots, checkpoint } of vectors.versions) {
      const version = parseVersion(text);
      assert.deepEqual(version, { epoch, vector: { floor, dots: new Map(dots) } });
      assert.ok(version !== null);
      assert.equal(formatVersion(version.epoch, version.vector), text);
      assert.deepEqual(parseCheckpoint(text), checkpoint ? { epoch, offset: floor } : null);
      if (checkpoint) assert.equal(formatCheckpoint({ epoch: version.epoch, offset: floor }), text);
    }
    for (const text of vectors.refused) assert.equal(parseVersion(text), null, text);
    assert.ok(vectors.versions.length > 4 && vectors.refused.length > 10);
  });
  test("covers", () => {
    for (const { version, dot, covered } of vectors.covers) {
      assert.equal(covers(parseVersion(version)!.vector, dot), covered);
    }
    assert.ok(vectors.covers.length > 3);
  });
});

describe("filters.json", () => {
  const vectors = load<{
    readonly columns: readonly string[];
    readonly fields: readonly string[];
    readonly rows: ReadonlyArray<readonly [string, readonly JsonValue[]]>;
    readonly filters: ReadonlyArray<{
      readonly filter: Filter;
      readonly key: string;
      readonly matches: readonly string[];
    }>;
    readonly refused: ReadonlyArray<{ readonly name: string; readonly json: string }>;
  }>("filters");
  const fields = new Set(vectors.fields);
  for (const { filter, key, matches } of vectors.filters) {
    test(key, () => {
      assert.equal(filterProblem(filter, fields), null);
      assert.equal(filterKey(filter), key);
      const matcher = compileFilter(filter, vectors.columns);
      assert.deepEqual(
        vectors.rows.filter(([id, values]) => matcher(id, values)).map(([id]) => id),
        matches,
      );
    });
  }
  for (const { name, json } of vectors.refused) {
    test(`refused: ${name}`, () => assert.equal(typeof filterProblem(JSON.parse(json), fields), "string"));
  }
});

describe("resolve.json", () => {
  const { lww } = load<{
    readonly lww: ReadonlyArray<{
      readonly current: Contender;
      readonly incoming: Contender;
      readonly winner: string;
      readonly reason: string;
    }>;
  }>("resolve");
  test("last writer wins", () => {
    for (const { current, incoming, winner, reason } of lww) {
      const decision = lastWriteWins("title", current, incoming);
      assert.deepEqual([decision.winner, decision.reason], [winner, reason]);
    }
    assert.ok(lww.length > 20);
  });
});
