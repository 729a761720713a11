/**
 * WebSocket close codes (RFC 6455, section 7.4). The reason is always a code of the catalogue; the number is for those
 * who know only WebSockets. (Frames that break the WebSocket protocol itself are closed by `ws` with 1002, 1007 or 1009.)
 */
import { type ErrorCode, ERRORS } from "@tidelock/core";

export function closeCode(code: ErrorCode): number {
  if (code === "shutting-down" || code === "session-idle") return 1001;
  if (code === "frame-too-large") return 1009;
  if (code === "internal") return 1011;
  return ERRORS[code].retryable ? 1013 : 1008;
}
