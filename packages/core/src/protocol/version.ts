/**
 * Protocol versions. The history is below, newest first; a test compares the fingerprint of the wire's shapes with
 * `WIRE_FINGERPRINT`, so that no change of the wire goes unnoticed.
 *
 * 1  First version.
 */
export const PROTOCOL_VERSION = 1;
/** The oldest version that this code still speaks. */
export const OLDEST_PROTOCOL_VERSION = 1;

/** Fingerprint of the shapes of all messages; written by `npm run vectors`. */
export const WIRE_FINGERPRINT = "0rkquqk2l7w";

/** Names of the WebSocket subprotocols: JSON text frames, or the same messages as CBOR binary frames. */
export const SUBPROTOCOL_JSON = "tidelock.json";
export const SUBPROTOCOL_BINARY = "tidelock.cbor";

/** The version both sides speak, or `null`. Each range is lowest and highest. */
export function chooseVersion(theirs: readonly [number, number], ours: readonly [number, number]): number | null {
  const highest = Math.min(theirs[1], ours[1]);
  return highest >= Math.max(theirs[0], ours[0]) ? highest : null;
}
