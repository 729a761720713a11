/**
 * What the entries of a configuration accept, in words. All mistakes are found at once, each with the name of its entry;
 * values are shown, secrets are not.
 */
import { DEFAULT_LIMITS } from "@tidelock/core";
import { MIN_SECRET_BYTES, secretBytes, WEBHOOK_EVENTS } from "../webhook/webhook.ts";
import { visible } from "./output.ts";
import { didYouMean } from "./similar.ts";

interface Entry {
  /** Words that follow `must be`. */
  readonly accepts: string;
  readonly fits: (value: unknown) => boolean;
  /** The entries of an object; checked one by one when the value fits. */
  readonly members?: Entries;
  /** Whether the value must not be shown. */
  readonly secret?: true;
  readonly required?: true;
}
type Entries = Readonly<Record<string, Entry>>;

const text: Entry = { accepts: "text that is not empty", fits: (value) => typeof value === "string" && value !== "" };
const positive: Entry = { accepts: "a number above 0", fits: (value) => typeof value === "number" && value > 0 };
const fromZero: Entry = { accepts: "a number from 0", fits: (value) => typeof value === "number" && value >= 0 };
const calls: Entry = { accepts: "a function", fits: (value) => typeof value === "function" };

function group(what: string, members: Entries, fits: (value: unknown) => boolean = isObject): Entry {
  return { accepts: `${what} with ${Object.keys(members).join(", ")}`, fits, members };
}

const AUTH: Entries = {
  secret: { ...text, secret: true },
  secretEnv: { ...text, accepts: "the name of an environment variable" },
  secretFile: { ...text, accepts: "the path of a file" },
  jwks: {
    accepts: "the https address of a key set, or a key set { keys: [ … ] }",
    fits: (value) =>
      value instanceof URL ||
      (typeof value === "string" && /^https?:$/.test(URL.parse(value)?.protocol ?? "")) ||
      (isObject(value) && Array.isArray(value["keys"])),
  },
  issuer: text,
  audience: text,
  tenantClaim: text,
  userClaim: text,
};

const ENTRIES: Entries = {
  schema: {
    accepts: "what `defineSchema` returned, or the path of a file that exports it",
    fits: (value) => isSchema(value) || text.fits(value),
    required: true,
  },
  storage: {
    ...group('"memory", or an object', { sqlite: { ...text, accepts: "the path of a data file", required: true } }),
    fits: (value) => value === "memory" || isObject(value),
    accepts: '"memory" or { sqlite: "path of a data file" }',
  },
  auth: group("an object", AUTH),
  authenticate: calls,
  rules: { accepts: "an object with rules by collection", fits: isObject },
  rooms: calls,
  limits: group("an object", Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, positive]))),
  origins: {
    accepts: '"*" or a list of origins like "https://app.example.com"',
    fits: (value) => value === "*" || (Array.isArray(value) && value.every(isOrigin)),
  },
  retention: group("an object", { events: fromZero, days: fromZero }),
  upgrade: group("an object", {
    requiredSchema: {
      accepts: "a whole number from 1",
      fits: (value) => Number.isSafeInteger(value) && Number(value) > 0,
    },
    message: { ...text, required: true },
    url: { ...text, required: true },
  }),
  snapshotCacheBytes: fromZero,
  inbox: { accepts: "true or false", fits: (value) => typeof value === "boolean" },
  webhooks: { accepts: "a list of { url, secret or secretEnv, events }", fits: Array.isArray },
  ruleTimeoutMs: {
    accepts: "a whole number from 0 to 10000",
    fits: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 10_000,
  },
  port: {
    accepts: "a whole number from 0 to 65535",
    fits: (value) => typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65_535,
  },
  host: { ...text, accepts: "a host name or an address" },
};

/** The mistakes of a configuration, as sentences that begin with the entry. */
export function configMistakes(config: unknown): readonly string[] {
  if (!isObject(config)) return [`the configuration must be an object, not ${shown(config)}`];
  const mistakes = mistakesIn(config, ENTRIES, "");
  return [...mistakes, ...contradictions(config), ...ruleMistakes(config), ...webhookMistakes(config)];
}

function mistakesIn(given: Readonly<Record<string, unknown>>, entries: Entries, prefix: string): string[] {
  const mistakes: string[] = [];
  for (const [name, entry] of Object.entries(entries)) {
    if (entry.required === true && given[name] === undefined)
      mistakes.push(`${prefix}${name} is missing: it must be ${entry.accepts}`);
  }
  for (const [name, value] of Object.entries(given)) {
    const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
    if (entry === undefined) mistakes.push(unknownEntry(prefix, name, Object.keys(entries)));
    else if (value === undefined) continue;
    else if (!entry.fits(value))
      mistakes.push(`${prefix}${name} must be ${entry.accepts}${entry.secret ? "" : `, not ${shown(value)}`}`);
    else if (entry.members !== undefined && isObject(value)) {
      mistakes.push(...mistakesIn(value, entry.members, `${prefix}${name}.`));
    }
  }
  return mistakes;
}

function unknownEntry(prefix: string, name: string, known: readonly string[]): string {
  const suggestion = didYouMean(name, known);
  return `${prefix}${visible(name)} is not an entry. ${suggestion === "" ? thereAre(known) : suggestion}`;
}

function contradictions(config: Readonly<Record<string, unknown>>): string[] {
  const { auth, authenticate } = config;
  if (auth !== undefined && authenticate !== undefined) return ["auth and authenticate exclude each other: keep one"];
  if (!isObject(auth)) return [];
  const ways = ["secret", "secretEnv", "secretFile", "jwks"].filter((name) => auth[name] !== undefined);
  return ways.length > 1 ? [`auth takes one of ${ways.join(", ")}, not ${ways.length}`] : [];
}

const RULES: Entries = { read: calls, write: calls, review: calls };

/** Rules name collections of the schema; which those are is known once its file has been loaded. */
function ruleMistakes({ rules, schema }: Readonly<Record<string, unknown>>): string[] {
  if (!isObject(rules) || !isSchema(schema)) return [];
  const known = [...schema.collections].filter(([, { isSystem }]) => isSystem !== true).map(([name]) => name);
  return Object.entries(rules).flatMap(([name, given]) => {
    const entry = `rules.${visible(name)}`;
    if (!known.includes(name)) return [`${entry} names no collection of the schema. ${thereAre(known)}`];
    if (!isObject(given)) return [`${entry} must be an object with read, write, review, not ${shown(given)}`];
    return mistakesIn(given, RULES, `${entry}.`);
  });
}

const WEBHOOK: Entries = {
  url: {
    accepts: "an address with http or https, without user and password",
    fits: (value) => typeof value === "string" && isPlainAddress(URL.parse(value)),
    required: true,
    secret: true,
  },
  secret: {
    accepts: `text of at least ${MIN_SECRET_BYTES} bytes, or whsec_ and as many in base64`,
    fits: (value) => typeof value === "string" && secretBytes(value).length >= MIN_SECRET_BYTES,
    secret: true,
  },
  secretEnv: { ...text, accepts: "the name of an environment variable" },
  events: {
    accepts: `a list of ${WEBHOOK_EVENTS.join(", ")}`,
    fits: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((event) => WEBHOOK_EVENTS.some((known) => known === event)),
  },
};

function webhookMistakes({ webhooks }: Readonly<Record<string, unknown>>): string[] {
  if (!Array.isArray(webhooks)) return [];
  return webhooks.flatMap((given: unknown, index) => {
    const entry = `webhooks[${index}]`;
    if (!isObject(given)) return [`${entry} must be an object with url, secret or secretEnv, events`];
    const mistakes = mistakesIn(given, WEBHOOK, `${entry}.`);
    const secrets = ["secret", "secretEnv"].filter((name) => given[name] !== undefined);
    if (secrets.length !== 1) mistakes.push(`${entry} needs one of secret, secretEnv`);
    return mistakes;
  });
}

function isPlainAddress(address: URL | null): boolean {
  return address !== null && /^https?:$/.test(address.protocol) && `${address.username}${address.password}` === "";
}

function thereAre(names: readonly string[]): string {
  return `There ${names.length === 1 ? "is" : "are"} ${names.join(", ")}.`;
}

/** By shape and not by class: the file may have a copy of the core of its own. */
export function isSchema(
  value: unknown,
): value is { readonly collections: ReadonlyMap<string, { readonly isSystem?: boolean }> } {
  return isObject(value) && typeof value["hash"] === "string" && value["collections"] instanceof Map;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOrigin(value: unknown): boolean {
  return typeof value === "string" && URL.parse(value)?.origin === value;
}

const MAX_SHOWN = 60;

function shown(value: unknown): string {
  if (typeof value === "function") return "a function";
  const json = JSON.stringify(value) ?? String(value);
  return json.length <= MAX_SHOWN ? json : `${json.slice(0, MAX_SHOWN - 1)}…`;
}
