/** What goes wrong, and for how long. */
import type { Random } from "@tidelock/core";
import type { Connection } from "./connection.ts";
import type { Device } from "./device.ts";
import type { Environment } from "./environment.ts";
import type { ServerNode } from "./node.ts";
import type { Fault } from "./odds.ts";
import { between, chance, pick } from "./random.ts";

/** What faults act on. */
export interface Victims {
  readonly environment: Environment;
  readonly node: ServerNode;
  readonly connections: Iterable<Connection>;
  readonly checks: { trimmed(floor: number): void; readonly head: number };
  living(): readonly Device[];
  addDevice(): Device;
  cut(device: Device, until: number): void;
  haunt(connection: Connection): void;
  setRole(random: Random): void;
  restore(random: Random): void;
}

const DIRECTIONS = ["up", "down", "both"] as const;
const DAY = 24 * 3600 * 1000;

export class Faults {
  readonly #victims: Victims;
  #over = false;

  constructor(victims: Victims) {
    this.#victims = victims;
  }

  /** No more faults, and those that last end. */
  end(): void {
    this.#over = true;
    this.#victims.node.trap.arm(0, false);
    this.#victims.node.failNextReads(0);
    this.#victims.node.failNextAppend(false);
  }

  carryOut(fault: Fault, random: Random): void {
    const { environment, node } = this.#victims;
    const { queue } = environment;
    const device = this.#device(random);
    const connection = this.#connection(random);
    switch (fault) {
      case "offline":
        if (device === null) return;
        device.goOffline();
        queue.after(between(random, 100, 20_000), () => {
          if (!this.#over) device.goOnline();
        });
        return;
      case "deviceCrash":
        return device?.crash(between(random, 10, 8000));
      case "deviceCrashAtEffect":
        return device?.trap.arm(between(random, 1, 40), chance(random, 0.5));
      case "deviceLost":
        return this.#lose(device);
      case "serverCrash":
        return node.crash(between(random, 10, 6000));
      case "serverCrashAtEffect":
        return node.trap.arm(between(random, 1, 60), chance(random, 0.5));
      case "serverDrain":
        return node.drain(between(random, 10, 3000));
      case "partition":
        return this.#partition(random, device);
      case "halfOpen":
        return connection?.silence(pick(random, DIRECTIONS));
      case "reset":
        return connection?.reset();
      case "stall":
        return connection?.stall(queue.now + between(random, 100, 15_000), pick(random, DIRECTIONS));
      case "slowReader":
        return connection?.stall(queue.now + between(random, 500, 20_000), "down");
      case "ghost":
        if (connection === null) return;
        queue.after(between(random, 0, 4000), () => {
          if (!this.#over) this.#victims.haunt(connection);
        });
        return;
      case "repeat":
        return connection?.repeatPush();
      case "trim":
        return this.#trim(random);
      case "restore":
        return this.#victims.restore(random);
      case "storeFailure":
        return device?.failNextPersists(between(random, 1, 4));
      case "appendFailure":
        return node.failNextAppend(true);
      case "readFailure":
        return node.failNextReads(between(random, 1, 4));
      case "tokenFailure":
        return device?.failNextTokens(between(random, 1, 4));
      case "clockJump":
        return device?.clock.jump(between(random, -30, 30) * pick(random, [1000, 60_000, 3_600_000, 365 * DAY]));
      case "roleChange":
        return this.#victims.setRole(random);
    }
  }

  #device(random: Random): Device | null {
    const devices = this.#victims.living();
    return devices.length === 0 ? null : pick(random, devices);
  }

  #connection(random: Random): Connection | null {
    const open = [...this.#victims.connections].filter(({ isOpen }) => isOpen);
    return open.length === 0 ? null : pick(random, open);
  }

  /** The device is gone for good, with what it had not sent; somebody else buys a new one. */
  #lose(device: Device | null): void {
    if (device === null) return;
    device.lost = true;
    device.crash(0);
    this.#victims.addDevice();
  }

  #partition(random: Random, device: Device | null): void {
    if (device === null) return;
    const { queue } = this.#victims.environment;
    const until = queue.now + between(random, 500, 20_000);
    this.#victims.cut(device, until);
    const survives = chance(random, 0.5);
    for (const connection of device.connections) {
      if (survives) connection.stall(until, "both");
      else connection.silence("both");
    }
  }

  #trim(random: Random): void {
    const { node, checks } = this.#victims;
    if (!node.isUp) return;
    const through = between(random, Math.max(0, checks.head - 30), checks.head);
    checks.trimmed(node.trim(through));
  }
}
