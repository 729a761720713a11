import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Transport } from "../transport/transport.ts";
import { TransportChoice } from "./transport-choice.ts";

const unused = (): never => {
  throw new Error("nobody connects here");
};
const websocket: Transport = { name: "websocket", connect: unused };
const sse: Transport = { name: "sse", connect: unused };
const MINUTE = 60_000;

/** The ways tried when each attempt ends as told, a minute apart. */
function tried(choice: TransportChoice, worksOn: (name: string, minute: number) => boolean, minutes: number): string[] {
  return Array.from({ length: minutes }, (_, minute) => {
    const name = choice.next(minute * MINUTE)?.name ?? "nothing";
    if (worksOn(name, minute)) choice.worked();
    else choice.failed(minute * MINUTE);
    return name;
  });
}

describe("the choice of a transport", () => {
  it("stays with the first as long as it works", () => {
    assert.deepEqual(new Set(tried(new TransportChoice([websocket, sse]), () => true, 20)), new Set(["websocket"]));
    const flaky = tried(new TransportChoice([websocket, sse]), (_, minute) => minute % 2 === 1, 20);
    assert.deepEqual(new Set(flaky), new Set(["websocket"]));
  });

  it("turns to the second where the first fails twice, and tries the first again less and less often", () => {
    const names = tried(new TransportChoice([websocket, sse]), (name) => name === "sse", 20);
    const expected =
      "websocket websocket sse sse sse sse | websocket sse sse sse sse sse sse sse sse sse | websocket sse sse sse";
    assert.deepEqual(names, expected.replaceAll("| ", "").split(" "));
  });

  it("tries all in turn while nothing works, and goes back to the first soon after the network has", () => {
    const names = tried(new TransportChoice([websocket, sse]), (_, minute) => minute >= 7, 16);
    assert.deepEqual(names.slice(0, 7), ["websocket", "websocket", "sse", "websocket", "sse", "websocket", "sse"]);
    assert.equal(names.at(-1), "websocket");
  });

  it("can be a choice of one, or of none", () => {
    assert.deepEqual(
      tried(new TransportChoice([sse]), () => false, 3),
      ["sse", "sse", "sse"],
    );
    assert.equal(new TransportChoice([]).next(0), undefined);
  });
});
