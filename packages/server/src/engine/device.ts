/** Devices as the hub knows them while they have a session or something under way. */
import type { Counter, DeviceId, Offset, SessionId, UserId } from "@tidelock/core";
import type { DeviceRecord } from "./records.ts";

export interface DeviceState {
  readonly device: DeviceId;
  readonly user: UserId;
  /** Highest counter taken into the admission queue. */
  accepted: Counter;
  /** Highest counter whose decision is planned. */
  planned: Counter;
  /** Highest counter whose decision is on disk. */
  decided: Counter;
  acknowledged: Offset;
  /** Whether the storage has a record of the device. */
  registered: boolean;
  /** The session that speaks for the device; a newer one takes over. */
  session: SessionId | null;
  /** Requests of plain HTTP that wait or are under way; they go one at a time. */
  requests: number;
}

export function deviceState(device: DeviceId, user: UserId, record: DeviceRecord | null): DeviceState {
  const decided = record?.decided ?? 0;
  return {
    device,
    user,
    accepted: decided,
    planned: decided,
    decided,
    acknowledged: record?.acknowledged ?? 0,
    registered: record !== null,
    session: null,
    requests: 0,
  };
}

/** Whether nothing of the device's is under way in the hub. */
export function isSettled(state: DeviceState): boolean {
  return state.accepted === state.decided;
}
