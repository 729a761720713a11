/** Sessions: one live connection of a device each, with how far it has been served. */
import {
  type ClientMessage,
  type Epoch,
  type Hello,
  MAX_PUSH_MUTATIONS,
  type Millis,
  type Offset,
  type Resync,
  type RoomName,
  type SessionId,
} from "@tidelock/core";
import type { Audience, View } from "./audience.ts";
import type { DeviceState } from "./device.ts";
import type { Principal } from "./input.ts";
import type { Snapshot } from "./records.ts";

/** A subscription is part of the session's audience once it is whole. */
export interface Subscription {
  readonly id: number;
  readonly view: View;
  whole: boolean;
}

/** The way of one subscription from nothing to whole. */
export interface SnapshotJob {
  readonly subscription: Subscription;
  state:
    | { readonly step: "wanted" }
    | { readonly step: "reading" }
    /** Chunks before `next` have been sent. */
    | { readonly step: "sending"; readonly snapshot: Snapshot; readonly next: number }
    /** All chunks are sent; the subscription has been brought up to `from`. */
    | { readonly step: "joining"; readonly from: Offset };
}

/** A session whose hello was accepted. */
export interface Session {
  readonly id: SessionId;
  readonly device: DeviceState;
  /** Of the application. */
  readonly schemaVersion: number;
  principal: Principal;
  readonly subscriptions: Map<number, Subscription>;
  readonly jobs: SnapshotJob[];
  /** `null` only while it is being worked out anew. */
  audience: Audience | null;
  /** The checkpoint that the device has been told: the next delta starts here. */
  told: Offset;
  /** Events up to here have been looked at for this session; those between `told` and here it cannot see. */
  cursor: Offset;
  /** The device waits for a delta that reaches this offset: its own newest event. */
  owed: Offset;
  /** Since when too much waits in the socket; `null` when it flows. */
  blockedSince: Millis | null;
  /** A window was sent; nothing more until the socket has drained. */
  draining: boolean;
  /** Events are being read from the log for this session. */
  reading: boolean;
  /** A snapshot is being read for it, maybe one that is not wanted any more. */
  snapshotReading: boolean;
  /** Rooms of which something was not said while the session was blocked. */
  readonly missedRooms: Set<RoomName>;
}

/** A session whose device is still being read. */
export interface Opening {
  readonly id: SessionId;
  readonly principal: Principal;
  readonly hello: Hello;
  /** Messages that came meanwhile. */
  readonly waiting: ClientMessage[];
  /** The device, once it is known; the opening then waits for what it has under way. */
  device: DeviceState | null;
  reading: boolean;
}

/** Whether deltas may be sent to the session now. */
export function flows(session: Session): boolean {
  return session.blockedSince === null && !session.draining && !session.reading;
}

/** Why what a device holds is of no use with this log; `null` when the log can go on from it [H11]. */
export function voidReason(
  held: Pick<Hello, "epoch" | "checkpoint">,
  epoch: Epoch,
  floor: Offset,
  head: Offset,
): Resync["reason"] | null {
  if (held.epoch === null) return held.checkpoint === 0 ? null : "version-invalid";
  if (held.epoch !== epoch) return "epoch-changed";
  if (held.checkpoint > head) return "version-invalid";
  return held.checkpoint < floor ? "checkpoint-expired" : null;
}

/** The session that an opening becomes: at the device's checkpoint, with nothing subscribed yet. */
export function newSession({ id, principal, hello }: Opening, device: DeviceState): Session {
  return {
    id,
    device,
    schemaVersion: hello.schema.version,
    principal,
    subscriptions: new Map(),
    jobs: [],
    audience: null,
    told: hello.checkpoint,
    cursor: hello.checkpoint,
    owed: 0,
    blockedSince: null,
    draining: false,
    reading: false,
    snapshotReading: false,
    missedRooms: new Set(),
  };
}

/** What may wait for a welcome: a hundred messages, or a push of the largest size. */
const MAX_WAITING = MAX_PUSH_MUTATIONS + 10;

/** Whether one more message may wait for the welcome. */
export function mayWait({ waiting }: Opening, message: ClientMessage): boolean {
  return waiting.reduce((sum, other) => sum + weightOf(other), weightOf(message)) <= MAX_WAITING;
}

function weightOf(message: ClientMessage): number {
  return message.type === "push" ? 10 + message.mutations.length : 10;
}
