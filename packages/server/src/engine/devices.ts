/**
 * The devices that a hub knows: those with a session, a request, or something on its way to the disk.
 *
 * What stays true: a device is read once, however many ask for it meanwhile, and they are answered in the order in which
 * they asked; what is known here is newer than what the disk says; a device that nobody uses is forgotten.
 */
import type { DeviceId, ErrorCode } from "@tidelock/core";
import { type DeviceState, deviceState, isSettled } from "./device.ts";
import type { Principal } from "./input.ts";
import type { HubContext } from "./ports.ts";

type Use = (device: DeviceState | ErrorCode) => void;

interface Asking {
  readonly principal: Principal;
  readonly use: Use;
}

export class Devices {
  readonly #context: HubContext;
  /** Makes sure that the storage knows the device, even if it never writes. */
  readonly #register: (device: DeviceState) => void;
  readonly #known = new Map<DeviceId, DeviceState>();
  readonly #asking = new Map<DeviceId, Asking[]>();

  constructor(context: HubContext, register: (device: DeviceState) => void) {
    this.#context = context;
    this.#register = register;
  }

  /** Gives the device, loaded and checked against the user. */
  with(name: DeviceId, principal: Principal, use: Use): void {
    const known = this.#known.get(name);
    if (known !== undefined) return give(known, { principal, use });
    const asking = this.#asking.get(name);
    if (asking !== undefined) return void asking.push({ principal, use });
    this.#asking.set(name, [{ principal, use }]);
    this.#context.read({ kind: "device", device: name, receiptsAfter: Number.MAX_SAFE_INTEGER }, (result) => {
      const waiting = this.#asking.get(name) ?? [];
      this.#asking.delete(name);
      if (result === null) return waiting.forEach((each) => each.use("storage-unavailable"));
      const device = deviceState(name, result.record?.user ?? principal.user, result.record);
      for (const each of waiting) {
        // Who came before may have done with it already.
        this.#known.set(name, device);
        if (!device.registered) this.#register(device);
        give(device, each);
      }
      this.release(device);
    });
  }

  /** Forgets the device if nobody uses it. */
  release(device: DeviceState): void {
    const isUsed = device.session !== null || device.requests > 0 || !isSettled(device) || !device.registered;
    if (!isUsed && this.#known.get(device.device) === device) this.#known.delete(device.device);
  }
}

function give(device: DeviceState, { principal, use }: Asking): void {
  use(device.user === principal.user ? device : "device-taken");
}
