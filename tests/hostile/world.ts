/**
 * The world that is attacked: two tenants, two people in each, and what each of them may see. `acme` has Ana, who is
 * honest, and Mallory, who is not; `globex` has Olga, of whom nobody in `acme` may ever receive a byte. Every secret text
 * carries a tag that the wire is searched for.
 */
import { SignJWT } from "jose";
import { collection, defineSchema, field } from "@tidelock/core";

export const schema = defineSchema({
  version: 3,
  collections: {
    /** Everybody of the tenant reads and writes these. */
    tasks: collection({
      title: field.string(),
      done: field.boolean().default(false),
      more: field.json().default(null),
      parent: field.reference("tasks").optional(),
    }),
    /** Everybody reads and writes their own only. */
    secrets: collection({ owner: field.string(), text: field.string() }),
    /** Everybody writes them; only those they are for read them. */
    letters: collection({ to: field.string(), text: field.string() }),
    /** The server makes their ids. */
    notes: collection(
      { text: field.string(), kind: field.enum(["plain", "loud"]).default("plain") },
      { ids: "server" },
    ),
    /** The rules of this one break. */
    broken: collection({ text: field.string() }),
  },
});

export const SECRET = "a secret that the attacker does not know, and long enough";
/** In everything that Olga's tenant writes, names or says. */
export const FOREIGN = "Xq7FOREIGNz4";
/** In everything of Ana's that Mallory, of the same tenant, may not read. */
export const HIDDEN = "Wk3HIDDENv9";

export interface Person {
  readonly tenant: string;
  readonly user: string;
}
export const ANA: Person = { tenant: "acme", user: "ana" };
export const MALLORY: Person = { tenant: "acme", user: "mallory" };
export const OLGA: Person = { tenant: `globex-${FOREIGN}`, user: `olga-${FOREIGN}` };

export function tokenOf({ tenant, user }: Person, expires: number | string = "2h"): Promise<string> {
  return new SignJWT({ tenant })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(user)
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(SECRET));
}
