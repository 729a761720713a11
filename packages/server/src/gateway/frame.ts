/**
 * WebSocket frames (RFC 6455, section 5.2) as a server sends them: final, unmasked, uncompressed, complete with header in
 * one buffer, so that the same bytes can be written to every socket.
 */
const TEXT = 0x81;
const BINARY = 0x82;

/** A text frame for text, a binary frame for bytes. */
export function webSocketFrame(payload: string | Uint8Array): Buffer {
  if (typeof payload === "string") {
    const length = Buffer.byteLength(payload);
    const frame = Buffer.allocUnsafe(headerLength(length) + length);
    frame.write(payload, writeHeader(frame, TEXT, length));
    return frame;
  }
  const frame = Buffer.allocUnsafe(headerLength(payload.length) + payload.length);
  frame.set(payload, writeHeader(frame, BINARY, payload.length));
  return frame;
}

function headerLength(length: number): number {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : 10;
}

function writeHeader(frame: Buffer, first: number, length: number): number {
  frame[0] = first;
  if (length < 126) {
    frame[1] = length;
    return 2;
  }
  if (length < 65_536) {
    frame[1] = 126;
    return frame.writeUInt16BE(length, 2);
  }
  frame[1] = 127;
  frame.writeUInt32BE(Math.floor(length / 0x1_0000_0000), 2);
  return frame.writeUInt32BE(length % 0x1_0000_0000, 6);
}
