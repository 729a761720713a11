/**
 * Pipes: one socket's way out as bytes, the same for WebSockets, server-sent events over Node's HTTP, and streams of a
 * `fetch` handler. A pipe keeps order and never throws; writing to one that is closed does nothing.
 */
import type { ErrorCode } from "@tidelock/core";

export interface Pipe {
  /** Answers whether the socket takes more at once; the opposite of `full` afterwards. */
  write(bytes: Buffer): boolean;
  /** Bytes that wait in this process. */
  readonly backlogBytes: number;
  /** More waits than the socket wants: it will call the connection's `drained` once it has gone out. */
  readonly full: boolean;
  /** Ends after what was written before has gone out. */
  end(code: ErrorCode): void;
  /** Ends now. */
  destroy(): void;
}
