/** For tests of gateways: a tenant that notes its inputs, a pipe that notes its bytes, and a context around them. */
import {
  DEFAULT_LIMITS,
  defineSchema,
  type ErrorCode,
  type Hello,
  parseClientMessage,
  parseEpoch,
  parseTenantId,
  parseUserId,
  type ServerLimits,
  type SessionId,
  type TenantId,
} from "@tidelock/core";
import type { QueryAnswer, ReconcileAnswer } from "../engine/effect.ts";
import type { Principal } from "../engine/input.ts";
import { silentLogger } from "../observe/log.ts";
import { Metrics } from "../observe/metrics.ts";
import { Admission } from "./admission.ts";
import type { Admitted } from "./connection.ts";
import type { GatewayContext } from "./context.ts";
import type { Pipe } from "./pipe.ts";
import type { SessionInput, SessionSink, TenantPort } from "./tenant-port.ts";
import { Turn } from "./turn.ts";

export const tenant = must(parseTenantId("acme"));
export const principal: Principal = { user: must(parseUserId("ana")), claims: {}, expires: null };

export function must<Value>(value: Value | null): Value {
  if (value === null) throw new Error("a fixture is wrong");
  return value;
}

export function helloOf(changes: Record<string, unknown> = {}): Hello {
  const parsed = parseClientMessage({
    type: "hello",
    protocol: [1, 1],
    schema: { version: 1, hash: "h" },
    sdk: "test",
    device: "d1",
    token: "t",
    epoch: null,
    checkpoint: 0,
    decided: 0,
    subscriptions: [],
    ...changes,
  });
  if (!parsed.ok || parsed.message.type !== "hello") throw new Error("a fixture is wrong");
  return parsed.message;
}

export class ScriptedPort implements TenantPort {
  readonly tenant: TenantId = tenant;
  readonly epoch = must(parseEpoch("e1"));
  readonly head = 0;
  readonly inputs: SessionInput[] = [];
  readonly sinks = new Map<SessionId, SessionSink>();

  attach(session: SessionId, sink: SessionSink): void {
    this.sinks.set(session, sink);
  }

  input(input: SessionInput): void {
    this.inputs.push(input);
  }

  reconcile(): Promise<ReconcileAnswer> {
    throw new Error("not scripted");
  }

  query(): Promise<QueryAnswer> {
    throw new Error("not scripted");
  }

  /** The types of the inputs since the last call. */
  heard(): string[] {
    return this.inputs.splice(0).map(({ type }) => type);
  }
}

/** A socket whose reader is asleep until `read` is called. */
export class SleepingPipe implements Pipe {
  readonly writes: Buffer[] = [];
  waiting = 0;
  asleep = false;
  ended: ErrorCode | "destroyed" | null = null;

  write(bytes: Buffer): boolean {
    this.writes.push(bytes);
    if (this.asleep) this.waiting += bytes.length;
    return !this.full;
  }

  get backlogBytes(): number {
    return this.waiting;
  }

  get full(): boolean {
    return this.waiting > 0;
  }

  end(code: ErrorCode): void {
    this.ended ??= code;
  }

  destroy(): void {
    this.ended ??= "destroyed";
  }
}

export interface ScriptedContext extends GatewayContext {
  clock: number;
}

export function scriptedContext(
  limits: Partial<ServerLimits> = {},
  port: TenantPort = new ScriptedPort(),
): ScriptedContext {
  const all = { ...DEFAULT_LIMITS, ...limits };
  const context: ScriptedContext = {
    schema: defineSchema({ version: 1, collections: {} }),
    tenants: { load: async () => port },
    verify: async () => ({ tenant, principal }),
    limits: all,
    origins: [],
    upgrade: null,
    metrics: new Metrics(),
    log: silentLogger,
    admission: new Admission(all),
    turn: new Turn(),
    now: () => context.clock,
    accepting: () => true,
    clock: 1_000_000,
  };
  return context;
}

export function admitted(context: GatewayContext, port: TenantPort): Admitted {
  return { tenant, principal, port, leave: context.admission.open(tenant, principal.user) };
}
