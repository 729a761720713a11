/**
 * Frames and messages that are malformed: in their bytes, their nesting, their size, or in one place of their form.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertAnswered, fatalCode, messages } from "./attack.ts";
import { BOMBS, NASTY_TEXTS, placesOf, textWith } from "./nasty.ts";
import type { Target } from "./target.ts";
import { clientFrame, codeOf, dial, request } from "./wire.ts";

export function attackWithFrames(target: Target): void {
  describe("frames that are no messages", () => {
    test("end the session with a code, before and after the hello, in both encodings", async () => {
      const texts = [
        "",
        " ",
        "{",
        "nul",
        "[]",
        "{}",
        '"hello"',
        "1",
        "null",
        '{"type":null}',
        '{"type":"hello"}',
        "\u0000",
      ];
      const unknown = ['{"type":"drop"}', '{"type":"__proto__"}', '{"type":"constructor"}', '{"type":"welcome"}'];
      for (const protocol of ["tidelock.json", "tidelock.cbor"]) {
        for (const opcode of [0x1, 0x2]) {
          for (const text of [...texts, ...unknown, ...BOMBS]) {
            if (Buffer.byteLength(text) > 60_000 && opcode === 0x2) continue;
            const peer = await dial(target, { protocol });
            peer.frame(opcode, Buffer.from(text));
            assert.match(
              await fatalCode(peer),
              /^(malformed-frame|invalid-message|frame-too-large|hello-expected)$/,
              text.slice(0, 80),
            );
          }
        }
      }
      for (const text of [...texts, ...unknown, ...BOMBS]) {
        const peer = await target.join();
        peer.say(text);
        assert.match(await fatalCode(peer), /^(malformed-frame|invalid-message|hello-expected)$/, text.slice(0, 80));
      }
      await target.assertWell();
    });

    test("CBOR that is not JSON, is cut off or lies about its lengths", async () => {
      const lies = [
        "9b0000ffffffffffff", // a list of 2^48 items
        "bb001fffffffffffff", // a map of 2^53 members
        "7bffffffffffffffff", // a text longer than anything
        "5b00000000ffffffff", // a byte string
        "9f9f9f9f9f9f", // lists without an end
        "bf6161", // a map without an end
        "c249010000000000000000", // a bignum
        "d9d9f7a0", // a tag
        "f7", // undefined
        "f97e00", // NaN
        "f97c00", // Infinity
        "a2616101616102", // a key twice
        "a1695f5f70726f746f5f5fa0", // __proto__
        "a10102", // a number as key
        "61ff", // no UTF-8
        "1bffffffffffffffff", // an integer beyond all
        "81".repeat(5000), // nested
        "ff",
        "",
      ];
      for (const lie of lies) {
        const peer = await dial(target, { protocol: "tidelock.cbor" });
        peer.frame(0x2, Buffer.from(lie, "hex"));
        assert.match(await fatalCode(peer), /^(malformed-frame|invalid-message)$/, lie.slice(0, 40));
      }
      await target.assertWell();
    });

    test("WebSocket frames against the protocol are closed", async () => {
      const mask = Buffer.from([0x81, 0x05, 0x68, 0x65, 0x6c, 0x6c, 0x6f]);
      const reserved = clientFrame(0x1, Buffer.from("{}"));
      reserved[0] = (reserved[0] ?? 0) | 0x40;
      const huge = Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
      const frames = [
        mask,
        reserved,
        huge,
        clientFrame(0x3, Buffer.from("x")),
        clientFrame(0xb, Buffer.from("x")),
        clientFrame(0x0, Buffer.from("x")),
        clientFrame(0x9, Buffer.alloc(126)),
        clientFrame(0x9, Buffer.from("x"), false),
        clientFrame(0x8, Buffer.from([0x00])),
        clientFrame(0x8, Buffer.from([0xff, 0xff])),
        clientFrame(0x1, Buffer.from([0xc3, 0x28])),
        Buffer.concat([clientFrame(0x1, Buffer.from("{"), false), clientFrame(0x1, Buffer.from("}"))]),
      ];
      for (const frame of frames) {
        for (const peer of [await dial(target), await target.join()]) {
          peer.socket.write(frame);
          const { code } = await peer.end();
          assert.ok(
            [1002, 1005, 1006, 1007, 1008, 1009].includes(code),
            `${frame.toString("hex").slice(0, 40)}: ${code}`,
          );
        }
      }
      await target.assertWell();
    });

    test("a hello of 64 KiB and more, and a frame beyond 4 MiB in small pieces", async () => {
      const large = await dial(target);
      large.say({ ...target.hello(), sdk: "x".repeat(70_000) });
      assert.equal((await large.end()).code, 1009);
      const pieces = await target.join();
      const piece = Buffer.alloc(256 * 1024, 0x20);
      pieces.frame(0x1, piece, false);
      for (let count = 0; count < 20; count++) pieces.frame(0x0, piece, false);
      assert.equal((await pieces.end()).code, 1009);
      const early = await dial(target);
      early.say(target.hello());
      for (let count = 0; count < 40; count++) early.say({ type: "ping", nonce: count, more: "x".repeat(3000) });
      await early.settled();
      await target.assertWell();
    });
  });

  describe("messages with something wrong in one place", () => {
    test("every place of every message with every wrong value, and without one", async () => {
      let frames = 0;
      let refused = 0;
      for (const [type, message] of Object.entries(messages(target))) {
        for (const place of placesOf(message)) {
          for (const instead of [...NASTY_TEXTS, null]) {
            const text = textWith(message, place, instead);
            const peer = type === "hello" ? await dial(target) : await target.join({ device: "mallory-field" });
            peer.say(text);
            frames += 1;
            const answers = await peer.settled();
            if (answers.some((answer) => answer.type === "refusal")) refused += 1;
            if (peer.ended !== null) {
              assert.ok(
                answers.some((answer) => answer.type === "refusal" || answer.type === "goaway") ||
                  peer.ended.reason !== "",
                text.slice(0, 200),
              );
            }
            peer.leave();
          }
        }
      }
      assert.ok(frames > 1500 && refused > 1000, `${frames} frames, ${refused} refused`);
      await target.assertWell();
    });

    test("the same in reconcile", async () => {
      const body = {
        device_id: "mallory-http",
        last_ack_version: null,
        mutations: [
          {
            temp_id: "m1",
            entity_id: null,
            collection: "notes",
            operation: "create",
            payload: { text: "x", kind: "plain" },
            version: null,
            occurred_at: "2026-03-01T12:00:00Z",
            remaining: 0,
          },
        ],
      };
      for (const place of placesOf(body)) {
        for (const instead of [...NASTY_TEXTS, null]) {
          const text = textWith(body, place, instead);
          const answer = await request(target, "POST", "/sync/reconcile", { token: target.token, body: text });
          if (answer.status !== 200) codeOf(answer);
          else assertAnswered(answer.body, text);
        }
      }
      await target.assertWell();
    });
  });
}
