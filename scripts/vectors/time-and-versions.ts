/** Stamps, versions, and the decisions that follow from them. */
import {
  type Contender,
  covers,
  formatCheckpoint,
  formatVersion,
  HybridClock,
  makeStamp,
  nextStamp,
  parseCheckpoint,
  parseDeviceId,
  parseStamp,
  parseVersion,
  lastWriteWins,
  type Stamp,
} from "@tidelock/core";

const DRIFT = 60_000;

function stampOf(text: string): Stamp {
  const stamp = parseStamp(text);
  if (stamp === null) throw new Error(`not a stamp: ${text}`);
  return stamp;
}

export function hlcVectors(): object {
  const parts = [
    [0, 0],
    [1, 1],
    [1_715_003_456_789, 0],
    [1_715_003_456_789, 65_535],
    [2 ** 48 - 1, 65_535],
    [2 ** 48, 65_536],
    [-1, -1],
    [1.9, 1.9],
  ] as const;
  const stamps = ["0000000000000000", "00000000000affff", "018f3c2e7b1a002f", "fffffffffffffffe", "ffffffffffffffff"];
  return {
    about:
      "`made`: a stamp of milliseconds and ticks. `next`: the smallest later stamp. `clock`: one clock from its start, step by step; `last` is its state after the step, and what `tick` returned.",
    made: parts.map(([millis, ticks]) => ({ millis, ticks, stamp: makeStamp(millis, ticks) })),
    next: stamps.map((stamp) => ({ stamp, next: nextStamp(stampOf(stamp)) })),
    refused: ["", "0", "0".repeat(15), "0".repeat(17), "018F3C2E7B1A002F", "018f3c2e7b1a002g", "018f3c2e7b1a002f\n"],
    maxDriftMs: DRIFT,
    clock: clockSteps(),
  };
}

function clockSteps(): readonly object[] {
  const clock = new HybridClock();
  const tick = (now: number): object => ({ tick: { now }, last: clock.tick(now) });
  const observe = (now: number, stamp: Stamp): object => {
    clock.observe(stamp, now, DRIFT);
    return { observe: { now, stamp }, last: clock.last };
  };
  return [
    tick(1000),
    tick(1000),
    tick(400),
    tick(1001),
    observe(1001, makeStamp(900, 7)),
    observe(1001, makeStamp(5000, 7)),
    tick(1002),
    observe(1002, makeStamp(61_003, 0)),
    observe(1002, makeStamp(61_002, 65_535)),
    tick(1003),
    tick(61_003),
    tick(61_004),
  ];
}

export function versionVectors(): object {
  const accepted = [
    "e1.0",
    "e1.4711",
    "e1.9007199254740991",
    "2026.03.01.5",
    "e-1_a.7~d1:1",
    "e1.7~phone.ana-2:3~laptop:12",
  ];
  const refused = [
    "",
    ".",
    "e1",
    "e1.",
    ".5",
    "e1.-1",
    "e1.05",
    "e1. 5",
    "e1.5 ",
    "e1.1e3",
    "e1.9007199254740992",
    "_e.5",
    "e1.5~",
    "e1.5~a",
    "e1.5~a:",
    "e1.5~a:01",
    "e1.5~:1",
    "e1.5~a:1~a:2",
    "e1.5~a:9007199254740992",
  ];
  const version = "e1.10~d1:3";
  const dots = [
    { device: "d2", counter: 99, offset: 10 },
    { device: "d2", counter: 1, offset: 11 },
    { device: "d1", counter: 3, offset: 20 },
    { device: "d1", counter: 4, offset: 20 },
  ];
  return {
    about:
      "`versions` are read and written back the same; those without dots are checkpoints. `covers`: whether the holder of a version has seen a dot.",
    versions: accepted.map((text) => {
      const parsed = parseVersion(text);
      if (parsed === null || formatVersion(parsed.epoch, parsed.vector) !== text)
        throw new Error(`not a version: ${text}`);
      const checkpoint = parseCheckpoint(text);
      if (checkpoint !== null && formatCheckpoint(checkpoint) !== text) throw new Error(`not a checkpoint: ${text}`);
      const { floor, dots } = parsed.vector;
      return { text, epoch: parsed.epoch, floor, dots: [...dots], checkpoint: checkpoint !== null };
    }),
    refused: refused.filter((text) => {
      if (parseVersion(text) === null) return true;
      throw new Error(`a version: ${text}`);
    }),
    covers: dots.map((dot) => {
      const device = parseDeviceId(dot.device);
      const parsed = parseVersion(version);
      if (device === null || parsed === null) throw new Error("not a dot");
      return { version, dot, covered: covers(parsed.vector, { ...dot, device }) };
    }),
  };
}

export function resolveVectors(): object {
  const write = (name: string, millis: number, ticks: number, value: string): Contender => {
    const device = parseDeviceId(name);
    if (device === null) throw new Error("not a device");
    return { device, counter: 1, user: null, offset: 1, seen: null, stamp: makeStamp(millis, ticks), value };
  };
  const writes = [
    write("a", 5, 0, "a at 5"),
    write("b", 5, 0, "b at 5"),
    write("B", 5, 0, "B at 5"),
    write("ab", 5, 0, "ab at 5"),
    write("a", 5, 1, "a a little later"),
    write("a", 10, 0, "a at 10"),
  ];
  return {
    about:
      "Two concurrent writes to a field with the policy `lww`: which one stands. The same one stands whichever was there first.",
    lww: writes.flatMap((current, index) =>
      writes
        .filter((_, other) => other !== index)
        .map((incoming) => {
          const { winner, reason } = lastWriteWins("title", current, incoming);
          return { current, incoming, winner, reason };
        }),
    ),
  };
}
