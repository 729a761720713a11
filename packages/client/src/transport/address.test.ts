import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { serverAddress } from "./address.ts";

describe("the server's address", () => {
  it("leads to every door, in the scheme that goes with it", () => {
    assert.deepEqual(serverAddress("https://sync.example.com/", undefined), {
      websocket: "wss://sync.example.com/sync",
      events: "https://sync.example.com/sync/events",
      reconcile: "https://sync.example.com/sync/reconcile",
      presence: "https://sync.example.com/sync/presence",
      http: "https://sync.example.com/sync",
    });
    assert.equal(serverAddress("http://localhost:4400/base/", undefined).websocket, "ws://localhost:4400/base/sync");
    assert.equal(serverAddress("wss://sync.example.com", undefined).events, "https://sync.example.com/sync/events");
  });

  it("can be a path of the page", () => {
    assert.equal(serverAddress("/", "https://app.example.com/board?x=1").websocket, "wss://app.example.com/sync");
    assert.equal(serverAddress("/api", "http://localhost:5173/").reconcile, "http://localhost:5173/api/sync/reconcile");
  });

  it("keeps nothing of a query, where a token could hide", () => {
    assert.equal(
      serverAddress("https://example.com/?token=secret#x", undefined).events,
      "https://example.com/sync/events",
    );
  });

  it("is refused when it is none", () => {
    for (const url of ["", "/", "ftp://example.com", "example.com"]) {
      assert.throws(() => serverAddress(url, undefined), { code: "config-invalid" });
    }
  });
});
