/**
 * The review inbox: the page where people decide conflicts, served by the server itself (`apps/inbox`, built into the
 * package). It is files and nothing else: whoever opens it sees nothing until they bring a token, and then what the rules
 * let that token see.
 *
 * What stays true: the page runs its own script only and talks to its own host only; the token is in the fragment of the
 * address, which browsers keep to themselves. Files are read once, into a map by name: a request is a look-up in that map
 * and never a path on the disk.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";
import { TidelockError } from "@tidelock/core";
import type { ApiRequest, ApiResponse } from "./exchange.ts";
import type { Route } from "./router.ts";

/** The same place from the sources and from the package: `dist/inbox` of `@tidelock/server`. */
const FOLDER = fileURLToPath(new URL("../../dist/inbox/", import.meta.url));
const PAGE = "index.html";
/** The page's own word for where the server is; see `apps/inbox/index.html`. */
const BASE = /(<meta name="tidelock-base" content=")[^"]*(")/;

/** Names that have a hash of what is in the file. */
const HASHED = /-[\w-]{8}\.\w+$/;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".woff2": "font/woff2",
};

const SECURITY_HEADERS = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

interface InboxFile {
  readonly body: Buffer;
  /** Smaller, for those who can read it; `null` where it would not be. */
  readonly brotli: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * @param prefix what the page's address begins with, before `/inbox`
 * @param base the way from the page to what the server's own addresses `/sync/…` are below
 * @param folder where the built page is
 */
export function inboxRoutes(prefix: string, base: string, folder: string = FOLDER): readonly Route[] {
  let files: Promise<ReadonlyMap<string, InboxFile>> | null = null;
  const answer = async (request: ApiRequest, name: string): Promise<ApiResponse> => {
    files ??= readFiles(folder, base);
    const file = (await files).get(name);
    if (file !== undefined) return respond(request, file);
    // A checkout in which it is built later needs no restart.
    if (!(await files).has(PAGE)) files = null;
    throw new TidelockError("not-found", files === null ? "the inbox is not built: node scripts/build.ts inbox" : "");
  };
  const page = { ...PLAIN, summary: "The review inbox." };
  return [
    { ...page, path: `${prefix}/inbox`, handle: () => ({ status: 308, headers: { location: "inbox/" }, body: "" }) },
    { ...page, path: `${prefix}/inbox/`, handle: (request) => answer(request, PAGE) },
    {
      ...page,
      path: `${prefix}/inbox/{file}`,
      handle: (request, parts) => answer(request, parts.get("file") ?? ""),
    },
  ];
}

const PLAIN = {
  method: "GET",
  authenticated: false,
  parameters: [],
  requestBody: null,
  successStatus: 200,
  response: { contentType: "text/html", schema: { type: "string" }, description: "The page." },
  codes: ["not-found"],
} as const;

/** The files of a folder by name; none when there is no such folder. */
async function readFiles(folder: string, base: string): Promise<ReadonlyMap<string, InboxFile>> {
  const names = await readdir(folder).catch(() => []);
  // Whoever builds it in a checkout leaves a mark there.
  const files = names.filter((name) => !name.startsWith("."));
  const read = files.map(async (name): Promise<readonly [string, InboxFile]> => {
    const bytes = await readFile(join(folder, name));
    const body = name === PAGE ? Buffer.from(bytes.toString("utf8").replace(BASE, `$1${base}$2`)) : bytes;
    return [name, await packed(name, body)];
  });
  return new Map(await Promise.all(read));
}

async function packed(name: string, body: Buffer): Promise<InboxFile> {
  const type = CONTENT_TYPES[extname(name)] ?? "application/octet-stream";
  const small = type.startsWith("font/") ? null : await compress(body);
  return {
    body,
    brotli: small !== null && small.length < body.length ? small : null,
    headers: {
      ...SECURITY_HEADERS,
      "content-type": type,
      "etag": `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
      "cache-control": HASHED.test(name) ? "public, max-age=31536000, immutable" : "no-cache",
      "vary": "Accept-Encoding",
    },
  };
}

function compress(body: Buffer): Promise<Buffer> {
  return promisify(brotliCompress)(body, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 6, [constants.BROTLI_PARAM_LGWIN]: 20 },
  });
}

function respond(request: ApiRequest, { body, brotli, headers }: InboxFile): ApiResponse {
  if (request.header("if-none-match") === headers["etag"]) return { status: 304, headers, body: "" };
  const takesBrotli = /(^|[\s,])br([\s,;]|$)/.test(request.header("accept-encoding") ?? "");
  const sent = takesBrotli && brotli !== null ? brotli : body;
  return {
    status: 200,
    headers: {
      ...headers,
      ...(sent === brotli ? { "content-encoding": "br" } : {}),
      "content-length": String(sent.length),
    },
    body: sent,
  };
}
