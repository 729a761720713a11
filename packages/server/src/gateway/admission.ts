/**
 * How many sockets and sessions this node holds: waiting for authentication, in total, per tenant, per user. What stays
 * true: every count that was taken is given back exactly once, by the place that took it.
 */
import { type ServerLimits, type TenantId, TidelockError, type UserId } from "@tidelock/core";

export class Admission {
  readonly #limits: ServerLimits;
  readonly #byTenant = new Map<TenantId, number>();
  readonly #byUser = new Map<string, number>();
  #waiting = 0;
  #sessions = 0;

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  get sessions(): number {
    return this.#sessions;
  }

  /** A connection that has not authenticated yet. `null`: there are too many; otherwise the way to give the place back. */
  enter(): (() => void) | null {
    if (this.#waiting >= this.#limits.maxUnauthenticated) return null;
    this.#waiting += 1;
    return once(() => (this.#waiting -= 1));
  }

  /** A session of an authenticated user. Throws `too-many-connections`. */
  open(tenant: TenantId, user: UserId): () => void {
    const userKey = `${tenant} ${user}`;
    const ofTenant = this.#byTenant.get(tenant) ?? 0;
    const ofUser = this.#byUser.get(userKey) ?? 0;
    if (this.#sessions >= this.#limits.maxSessions) throw full("the server", this.#limits.maxSessions);
    if (ofTenant >= this.#limits.maxSessionsPerTenant) throw full("the tenant", this.#limits.maxSessionsPerTenant);
    if (ofUser >= this.#limits.maxSessionsPerUser) throw full("the user", this.#limits.maxSessionsPerUser);
    this.#sessions += 1;
    this.#byTenant.set(tenant, ofTenant + 1);
    this.#byUser.set(userKey, ofUser + 1);
    return once(() => {
      this.#sessions -= 1;
      subtractOne(this.#byTenant, tenant);
      subtractOne(this.#byUser, userKey);
    });
  }
}

function full(who: string, limit: number): TidelockError {
  return new TidelockError("too-many-connections", `${who} has ${limit} sessions, as many as it may`);
}

function subtractOne<Key>(counts: Map<Key, number>, key: Key): void {
  const count = (counts.get(key) ?? 0) - 1;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

function once(giveBack: () => void): () => void {
  let given = false;
  return () => {
    if (given) return;
    given = true;
    giveBack();
  };
}
