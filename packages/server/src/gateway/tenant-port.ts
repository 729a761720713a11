/**
 * What a gateway needs of the tenants behind it, and what they need of its sessions. A gateway turns bytes into inputs
 * and messages into bytes; it decides nothing.
 */
import type { Epoch, ErrorCode, Millis, Offset, SessionId, TenantId } from "@tidelock/core";
import type { OutboundMessage, QueryAnswer, ReconcileAnswer } from "../engine/effect.ts";
import type { HubInput, Principal, Query, ReconcileBody } from "../engine/input.ts";

/** The inputs that come from sessions. */
export type SessionInput = Extract<HubInput, { readonly session: SessionId }>;

/** One session's way out, as a tenant uses it. None of it calls back before it returns. */
export interface SessionSink {
  send(message: OutboundMessage): void;
  /** Closes after what was sent before has gone out. */
  close(code: ErrorCode): void;
  /** The tenant stops: says so with a `goaway`, and closes. */
  goAway(code: ErrorCode, retryAfterMs: Millis): void;
  /** Answers with `session-drained`, later, when the socket takes more. */
  whenDrained(): void;
}

export interface TenantPort {
  readonly tenant: TenantId;
  readonly epoch: Epoch;
  /** The last durable offset. */
  readonly head: Offset;
  /** From now on the session's messages go to `sink`; until `session-closed`. */
  attach(session: SessionId, sink: SessionSink): void;
  input(input: SessionInput): void;
  reconcile(principal: Principal, body: ReconcileBody): Promise<ReconcileAnswer>;
  query(principal: Principal, query: Query): Promise<QueryAnswer>;
}

export interface Tenants {
  /** The tenant's hub, loaded if need be. Rejects with a retryable code when it cannot be. */
  load(tenant: TenantId): Promise<TenantPort>;
}
