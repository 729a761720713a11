/** Tokens for the benchmarks' server. */
import { SignJWT } from "jose";

export const BENCH_SECRET = "a secret of the benchmarks, long enough for HS256";

export function benchToken(user: string): Promise<string> {
  return new SignJWT({ tenant: "bench" })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setExpirationTime("2h")
    .sign(new TextEncoder().encode(BENCH_SECRET));
}
