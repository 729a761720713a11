/** Tokens: who a device speaks for, as the gateway reads it. Roles may change; a token keeps the one it was made with. */
import { parseUserId, type Random, type UserId } from "@tidelock/core";
import type { Principal } from "@tidelock/server/engine";
import { type Role, ROLES } from "./domain.ts";
import { pick } from "./random.ts";
import { demand } from "./violation.ts";

export class TokenOffice {
  readonly #roles = new Map<string, Role>();
  readonly #lifeMs: number | null;

  /** @param lifeMs how long a token is good; `null`: for ever */
  constructor(lifeMs: number | null) {
    this.#lifeMs = lifeMs;
  }

  /** Somebody begins in a role. */
  begin(user: string, role: Role): void {
    this.#roles.set(user, role);
  }

  roleOf(user: string): Role {
    return this.#roles.get(user) ?? "member";
  }

  changeRole(user: string, random: Random): void {
    const others = ROLES.filter((role) => role !== this.roleOf(user));
    this.#roles.set(user, pick(random, others));
  }

  /** Who a new token of the user's would name. */
  principal(user: UserId, now: number): Principal {
    return principalOf(user, this.roleOf(user), this.#lifeMs === null ? null : now + this.#lifeMs);
  }

  /** A new token. `now` is the server's clock, as is that of whoever issues tokens. */
  issue(user: string, now: number): string {
    const expires = this.#lifeMs === null ? "" : String(now + this.#lifeMs);
    return `${user}|${this.roleOf(user)}|${expires}`;
  }

  /** Who the token names; `null` when it has expired. */
  read(token: string, now: number): Principal | null {
    const [name = "", word = "", until = ""] = token.split("|");
    const user = parseUserId(name);
    const role = ROLES.find((known) => known === word);
    demand(user !== null && role !== undefined, "wire", () => `${token} is no token`);
    const expires = until === "" ? null : Number(until);
    if (expires !== null && expires <= now) return null;
    return principalOf(user, role, expires);
  }
}

export function principalOf(user: UserId, role: Role, expires: number | null): Principal {
  return { user, claims: { role }, expires };
}
