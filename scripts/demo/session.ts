/**
 * `POST /demo/session {"name": "Ada", "user": "u-…", "role": "lead"}` → `{"token": "…"}`: lets anybody at this machine be
 * anybody, which is what a demo needs and nothing else may do. Answers loopback connections that asked for a loopback name, and JSON only:
 * a page of another site can send neither without being asked for permission first, which nobody gives.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { SignJWT } from "jose";
import { type Role, ROLES } from "../../apps/board/src/schema.ts";

export const DEMO_TENANT = "demo";
const MAX_BODY_BYTES = 4096;
const USER = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_NAME_LENGTH = 40;

export interface DemoSessions {
  /** A token that is good for an hour. */
  token(person: Person): Promise<string>;
  /** Answers a request for a session, and says whether it was one. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
}

export function demoSessions(secret: string): DemoSessions {
  const key = new TextEncoder().encode(secret);
  return {
    token: (person) => signToken(key, person),
    async handle(request, response) {
      if (request.url !== "/demo/session") return false;
      if (request.method !== "POST") return answer(response, 405, { error: "POST a name to get a session." });
      if (!isLocal(request)) return answer(response, 403, { error: "Demo sessions are given on this machine only." });
      if (request.headers["content-type"]?.split(";")[0] !== "application/json") {
        return answer(response, 415, { error: "The body must be application/json." });
      }
      const person = personOf(await readBody(request));
      if (person === null)
        return answer(response, 400, { error: "A session needs a name, a user id and one of the roles." });
      return answer(response, 200, { token: await signToken(key, person) });
    },
  };
}

export interface Person {
  readonly name: string;
  readonly user: string;
  /** A member when it is not said. */
  readonly role?: Role;
}

function signToken(key: Uint8Array, { name, user, role = "member" }: Person): Promise<string> {
  return new SignJWT({ tenant: DEMO_TENANT, name, role })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(key);
}

/** Both ends on this machine, and a host name that no foreign DNS server can point here. */
export function isLocal({ socket, headers }: IncomingMessage): boolean {
  const isLoopback = /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/.test(socket.remoteAddress ?? "");
  return isLoopback && /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(headers.host ?? "");
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_BODY_BYTES) return null;
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    return null;
  }
}

function personOf(body: unknown): Person | null {
  if (typeof body !== "object" || body === null || !("name" in body) || !("user" in body)) return null;
  const { name, user } = body;
  if (typeof name !== "string" || name.trim() === "" || name.length > MAX_NAME_LENGTH) return null;
  const role = "role" in body ? ROLES.find((known) => known === body.role) : "member";
  if (role === undefined) return null;
  return typeof user === "string" && USER.test(user) ? { name: name.trim(), user, role } : null;
}

function answer(response: ServerResponse, status: number, body: object): true {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
  return true;
}
