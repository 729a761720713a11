/**
 * Reviews whose time is up: the server decides them itself, as their terms say, under a device of its own whose name no
 * client can take. What is due is read once, and then follows the log.
 */
import {
  assert,
  type DeviceId,
  type DomainEvent,
  type EntityId,
  makeStamp,
  type Millis,
  parseDeviceId,
  parseEntityId,
  parseUserId,
  REVIEWS,
  SYSTEM_PREFIX,
} from "@tidelock/core";
import type { DeviceState } from "./device.ts";
import type { Devices } from "./devices.ts";
import type { Principal } from "./input.ts";
import type { Planner } from "./planner.ts";
import type { HubContext } from "./ports.ts";
import { reviewOf } from "./reviews.ts";

/** Whether a name is the server's own: no client may use it. */
export function isServerDevice(device: DeviceId): boolean {
  return device.startsWith(SYSTEM_PREFIX);
}

const device = parseDeviceId(`${SYSTEM_PREFIX}server`);
const user = parseUserId("tidelock");
assert(device !== null && user !== null, "the server's own names are names");
const SERVER_DEVICE: DeviceId = device;
const SERVER: Principal = { user, claims: {}, expires: null };

export interface ExpiryHost {
  readonly context: HubContext;
  readonly planner: Planner;
  readonly devices: Devices;
  readonly released: (device: DeviceState) => void;
}

export class Expiry {
  readonly #host: ExpiryHost;
  /** When each open review with a time is up. */
  readonly #due = new Map<EntityId, Millis>();
  readonly #underWay = new Set<EntityId>();
  #state: "unread" | "reading" | "known" = "unread";

  constructor(host: ExpiryHost) {
    this.#host = host;
  }

  /** Whether any review has a time. */
  get pending(): boolean {
    return this.#due.size > 0;
  }

  /** Follows the log. */
  append(events: readonly DomainEvent[]): void {
    for (const { collection, entity, row } of events) {
      if (collection === REVIEWS) this.#learn(entity, row);
    }
  }

  #learn(id: EntityId, row: DomainEvent["row"]): void {
    const review = row === null ? null : reviewOf(id, row, this.#host.context.columns.get(REVIEWS) ?? []);
    if (review?.status === "open" && review.due !== null) this.#due.set(id, review.due);
    else this.#due.delete(id);
  }

  /** Called now and then: decides what is due. */
  sweep(): void {
    const { collections, now } = this.#host.context;
    if (this.#state === "unread" && [...collections.values()].some(({ isReviewable }) => isReviewable)) this.#read();
    if (this.#state !== "known") return;
    for (const [id, due] of this.#due) if (due <= now() && !this.#underWay.has(id)) this.#decide(id);
  }

  #read(): void {
    const { context } = this.#host;
    this.#state = "reading";
    const columns = context.columns.get(REVIEWS) ?? [];
    const filter = { status: "open", due: { gt: 0 } };
    context.read({ kind: "snapshot", collection: REVIEWS, filter, columns, defaults: [] }, (result) => {
      this.#state = result === null ? "unread" : "known";
      for (const chunk of result?.snapshot.chunks ?? []) {
        for (const [text, , values] of JSON.parse(chunk).rows) {
          const id = parseEntityId(text);
          // What was appended meanwhile is newer.
          if (id !== null && !this.#due.has(id)) this.#learn(id, values);
        }
      }
      if (result !== null) this.sweep();
    });
  }

  #decide(id: EntityId): void {
    this.#underWay.add(id);
    const due = this.#due.get(id);
    this.#host.devices.with(SERVER_DEVICE, SERVER, (state) => {
      if (typeof state === "string") return void this.#underWay.delete(id);
      state.requests += 1;
      state.accepted += 1;
      const counter = state.accepted;
      const seen = this.#host.planner.durable;
      this.#host.planner.enqueue({
        device: state,
        principal: SERVER,
        mutations: [
          {
            mutation: {
              counter,
              operation: "decide",
              collection: REVIEWS,
              entity: id,
              fields: {},
              seen,
              stamp: makeStamp(this.#host.context.now(), 0),
              remaining: 0,
            },
            seen: { floor: seen, dots: new Map([[SERVER_DEVICE, counter - 1]]) },
            name: null,
            assign: false,
            refused: null,
            isExpiry: true,
          },
        ],
        answer: ({ outcome }) => {
          state.requests -= 1;
          this.#underWay.delete(id);
          // One that cannot be decided so waits for a person: its terms stay, but it is not tried again here.
          if (outcome === "rejected" && this.#due.get(id) === due) this.#due.delete(id);
          this.#host.released(state);
        },
      });
    });
  }
}
