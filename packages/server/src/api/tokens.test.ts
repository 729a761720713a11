import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import { TidelockError } from "@tidelock/core";
import { type Authenticate, jwtAuth, verifierFrom } from "./auth.ts";
import { dial, hello, join, serve } from "./served.fixture.ts";

const secret = "0123456789abcdef0123456789abcdef";
const key = new TextEncoder().encode(secret);

function sign(
  claims: JWTPayload = {},
  expires: string | number = "1h",
  algorithm = "HS256",
  by: Uint8Array = key,
): Promise<string> {
  return new SignJWT({ sub: "ana", tenant: "acme", ...claims })
    .setProtectedHeader({ alg: algorithm })
    .setExpirationTime(expires)
    .sign(by);
}

async function refusal(authenticate: Authenticate, token: string): Promise<string> {
  try {
    await verifierFrom(authenticate)(token);
  } catch (error) {
    assert.ok(error instanceof TidelockError);
    return error.code;
  }
  return "accepted";
}

const thrownCode = (make: () => unknown): string => {
  try {
    make();
  } catch (error) {
    return error instanceof TidelockError ? error.code : String(error);
  }
  return "nothing";
};

describe("JSON Web Tokens with a shared secret", () => {
  const verify = verifierFrom(jwtAuth({ secret }));

  test("a good one names tenant, user, claims and expiry", async () => {
    const { tenant, principal } = await verify(await sign({ role: "admin" }, 4_000_000_000));
    assert.deepEqual([tenant, principal.user, principal.expires], ["acme", "ana", 4_000_000_000_000]);
    assert.equal(principal.claims["role"], "admin");
  });

  test("an expiry with a fraction, or beyond all time, is told as whole milliseconds", async () => {
    const expiry = async (exp: number): Promise<number | null> => (await verify(await sign({}, exp))).principal.expires;
    assert.equal(await expiry(4_000_000_000.123456), 4_000_000_000_123);
    assert.equal(await expiry(1e300), Number.MAX_SAFE_INTEGER);
    assert.equal(await expiry(Number.MAX_VALUE), Number.MAX_SAFE_INTEGER);
  });

  test("claims can have other names", async () => {
    const other = verifierFrom(jwtAuth({ secret, tenantClaim: "org", userClaim: "email" }));
    const { tenant, principal } = await other(await sign({ org: "umbrella", email: "ana@example.com" }));
    assert.deepEqual([tenant, principal.user], ["umbrella", "ana@example.com"]);
  });

  test("issuer and audience are held to", async () => {
    const strict = jwtAuth({ secret, issuer: "https://id.example", audience: "tidelock" });
    assert.equal(await refusal(strict, await sign({ iss: "https://id.example", aud: "tidelock" })), "accepted");
    assert.equal(await refusal(strict, await sign({ iss: "https://evil.example", aud: "tidelock" })), "token-invalid");
    assert.equal(await refusal(strict, await sign({ iss: "https://id.example", aud: "other" })), "token-invalid");
  });

  const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { sub: "ana", tenant: "acme", exp: 4_000_000_000 };
  const bad: ReadonlyArray<readonly [name: string, token: () => string | Promise<string>, code: string]> = [
    ["empty", () => "", "token-missing"],
    ["no token at all", () => "hello", "token-invalid"],
    ["expired", () => sign({}, 1_000_000_000), "token-expired"],
    ["signed with another secret", () => sign({}, "1h", "HS256", new Uint8Array(32)), "token-invalid"],
    ["another algorithm of the same secret", () => sign({}, "1h", "HS512", new Uint8Array(64)), "token-invalid"],
    ["alg none, without signature", () => new UnsecuredJWT(claims).encode(), "token-invalid"],
    ["alg none, with a signature", () => `${base64({ alg: "none" })}.${base64(claims)}.c2ln`, "token-invalid"],
    ["alg nOnE", () => `${base64({ alg: "nOnE" })}.${base64(claims)}.`, "token-invalid"],
    ["without tenant", () => sign({ tenant: undefined as never }), "token-invalid"],
    ["a tenant that is no name", () => sign({ tenant: "../etc" }), "token-invalid"],
    ["a tenant that is a list", () => sign({ tenant: ["acme"] }), "token-invalid"],
    ["a user with quotes", () => sign({ sub: 'a"b' }), "token-invalid"],
    [
      "a changed payload",
      async () => (await sign()).replace(/\.[^.]+\./, `.${base64({ ...claims, tenant: "other" })}.`),
      "token-invalid",
    ],
    ["not valid yet", () => sign({ nbf: 4_000_000_000 }), "token-invalid"],
  ];
  for (const [name, token, code] of bad) {
    test(`refused: ${name}`, async () => assert.equal(await refusal(jwtAuth({ secret }), await token()), code));
  }

  test("options that cannot work are refused when the server is made", () => {
    assert.equal(
      thrownCode(() => jwtAuth({})),
      "secret-missing",
    );
    assert.equal(
      thrownCode(() => jwtAuth({ secret: "short" })),
      "config-invalid",
    );
    assert.equal(
      thrownCode(() => jwtAuth({ secret, jwks: "https://id.example" })),
      "config-invalid",
    );
    assert.equal(
      thrownCode(() => jwtAuth({ jwks: "nonsense" })),
      "config-invalid",
    );
    assert.equal(
      thrownCode(() => jwtAuth({ jwks: {} as never })),
      "config-invalid",
    );
  });
});

describe("JSON Web Tokens with a key set", () => {
  for (const algorithm of ["ES256", "RS256", "EdDSA"]) {
    test(`${algorithm} is verified`, async () => {
      const pair = await generateKeyPair(algorithm, { extractable: true });
      const jwk = { ...(await exportJWK(pair.publicKey)), alg: algorithm, kid: "k1" };
      const token = await new SignJWT({ sub: "ana", tenant: "acme" })
        .setProtectedHeader({ alg: algorithm, kid: "k1" })
        .setExpirationTime("1h")
        .sign(pair.privateKey);
      assert.equal(await refusal(jwtAuth({ jwks: { keys: [jwk] } }), token), "accepted");
      const other = await generateKeyPair(algorithm, { extractable: true });
      const otherJwk = { ...(await exportJWK(other.publicKey)), alg: algorithm, kid: "k1" };
      assert.equal(await refusal(jwtAuth({ jwks: { keys: [otherJwk] } }), token), "token-invalid");
    });
  }

  test("a public key cannot pass for a secret: HS256 signed with it is refused", async () => {
    const pair = await generateKeyPair("RS256", { extractable: true });
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: "k1" };
    const forged = await new SignJWT({ sub: "ana", tenant: "acme" })
      .setProtectedHeader({ alg: "HS256", kid: "k1" })
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(JSON.stringify(jwk)));
    assert.equal(await refusal(jwtAuth({ jwks: { keys: [jwk] } }), forged), "token-invalid");
  });

  test("fetched from its address; one that cannot be reached is no fault of the token", async (t) => {
    const pair = await generateKeyPair("ES256", { extractable: true });
    const jwk = { ...(await exportJWK(pair.publicKey)), alg: "ES256", kid: "k1" };
    let status = 200;
    const issuer = createHttpServer((_request, response) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ keys: [jwk] }));
    });
    await new Promise<void>((listening) => issuer.listen(0, "127.0.0.1", listening));
    const { port } = issuer.address() as AddressInfo;
    t.after(() => issuer.close());
    const token = await new SignJWT({ sub: "ana", tenant: "acme" })
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setExpirationTime("1h")
      .sign(pair.privateKey);
    assert.equal(await refusal(jwtAuth({ jwks: `http://127.0.0.1:${port}/keys` }), token), "accepted");
    status = 503;
    assert.equal(await refusal(jwtAuth({ jwks: `http://127.0.0.1:${port}/keys` }), token), "internal");
    issuer.close();
    issuer.closeAllConnections();
    assert.equal(await refusal(jwtAuth({ jwks: `http://127.0.0.1:${port}/keys` }), token), "internal");
  });

  test("a symmetric key in the key set is not used", async () => {
    const oct = { kty: "oct", k: Buffer.from(secret).toString("base64url"), kid: "k1", alg: "HS256" };
    assert.equal(await refusal(jwtAuth({ jwks: { keys: [oct] } }), await sign()), "token-invalid");
  });
});

describe("an authenticator of one's own", () => {
  test("what it throws is a refusal, and says nothing of the reason", async () => {
    const failing: Authenticate = () => {
      throw new Error("database password is hunter2");
    };
    await assert.rejects(verifierFrom(failing)("x"), (error) => {
      assert.ok(error instanceof TidelockError);
      assert.equal(error.code, "token-invalid");
      assert.doesNotMatch(`${error.message} ${error.detail}`, /hunter2/);
      return true;
    });
  });
  test("its own code passes", async () => {
    const expired: Authenticate = () => {
      throw new TidelockError("token-expired");
    };
    assert.equal(await refusal(expired, "x"), "token-expired");
  });
  test("what it returns is checked", async () => {
    assert.equal(await refusal(() => ({ tenant: "a b", user: "u" }), "x"), "token-invalid");
    assert.equal(await refusal(() => ({ tenant: "a", user: "" }), "x"), "token-invalid");
    assert.equal(await refusal(() => ({ tenant: "a", user: "u", expires: 1 }), "x"), "token-expired");
    assert.equal(await refusal(() => null as never, "x"), "token-invalid");
  });
});

describe("tokens in a session", () => {
  test("none, a forged and an expired one end it before anything else", async (t) => {
    const served = await serve(t, { authenticate: jwtAuth({ secret }) });
    for (const [token, code] of [
      ["", "token-missing"],
      ["nonsense", "token-invalid"],
      [await sign({}, 1_000_000_000), "token-expired"],
    ]) {
      const peer = await dial(t, served);
      peer.send(hello({ token }));
      assert.equal((await peer.next("refusal")).code, code);
      assert.equal((await peer.end()).reason, code);
    }
  });

  const soon = (): number => Date.now() + 300;
  const shortLived: Authenticate = (token) => {
    const [user = "", life = ""] = token.split(":");
    return { tenant: user === "eve" ? "other" : "acme", user, expires: life === "long" ? Date.now() + 60_000 : soon() };
  };

  test("a session ends with its token", async (t) => {
    const served = await serve(t, { authenticate: shortLived, limits: { helloTimeoutMs: 100 } });
    const peer = await join(t, served, { token: "ana" });
    assert.equal((await peer.next("goaway")).reason, "token-expired");
    await peer.end();
  });

  test("a new token keeps it", async (t) => {
    const served = await serve(t, { authenticate: shortLived });
    const peer = await join(t, served, { token: "ana" });
    peer.send({ type: "auth", token: "ana:long" });
    assert.ok(((await peer.next("auth")).expires ?? 0) > Date.now() + 30_000);
  });

  test("a new token that does not verify costs nothing", async (t) => {
    const served = await serve(t);
    const peer = await join(t, served);
    peer.send({ type: "auth", token: "nonsense" });
    const refusal = await peer.next("refusal");
    assert.deepEqual([refusal.code, refusal.fatal], ["token-invalid", false]);
    peer.send({ type: "ping", nonce: 1 });
    await peer.next("pong");
  });

  for (const token of ["bob:long", "eve:long"]) {
    test(`a new token of another user or tenant ends it (${token})`, async (t) => {
      const served = await serve(t, { authenticate: shortLived });
      const peer = await join(t, served, { token: "ana:long" });
      peer.send({ type: "auth", token });
      const refusal = await peer.next("refusal");
      assert.deepEqual([refusal.code, refusal.fatal], ["forbidden", true]);
      await peer.end();
    });
  }

  test("no token reaches the log", async (t) => {
    const lines: string[] = [];
    const { createLogger } = await import("../observe/log.ts");
    const logger = createLogger({ level: "trace", destination: { write: (line: string) => void lines.push(line) } });
    const served = await serve(t, { logger, authenticate: jwtAuth({ secret }) });
    const token = await sign();
    await join(t, served, { token });
    const forged = await dial(t, served);
    forged.send(hello({ token: `${token}x` }));
    await forged.end();
    logger.error({ token, headers: { authorization: token } }, "a mistake");
    assert.ok(lines.length > 0);
    for (const line of lines) assert.ok(!line.includes(token), line);
  });
});
