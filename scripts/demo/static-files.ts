/**
 * Serves a folder of built files. They are read once, at the start, into a map by address: a request is a look-up in that
 * map and never touches the disk, so no address can lead outside of the folder.
 *
 * Files under `/assets/` carry a hash in their names and are kept forever; everything else is asked for again, by ETag.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, relative, sep } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
  ".json": "application/json",
};

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const SECURITY_HEADERS = {
  "content-security-policy": POLICY,
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

interface StaticFile {
  readonly body: Buffer;
  /** Smaller, for those who can read it; `null` where it would not be. */
  readonly brotli: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface StaticFiles {
  /** Answers a request for one of the files, and says whether it was one. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

/** @param folder what `index.html` is in; files whose names begin with a dot are left out */
export function staticFiles(folder: string): StaticFiles {
  const files = new Map<string, StaticFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.startsWith(".")) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(`/${relative(folder, path).split(sep).join("/")}`, readFile(path, entry.name));
  }
  const index = files.get("/index.html");
  if (index !== undefined) files.set("/", index);
  return {
    handle(request, response) {
      const [path = "/"] = (request.url ?? "/").split(/[?#]/, 1);
      const file = files.get(path);
      if (file === undefined) return false;
      send(file, request, response);
      return true;
    },
  };
}

function readFile(path: string, name: string): StaticFile {
  const body = readFileSync(path);
  const type = CONTENT_TYPES[extname(name)] ?? "application/octet-stream";
  const isForever = path.split(sep).at(-2) === "assets";
  const isText = /^text\/|json$|\+xml$/.test(type);
  const brotli = isText
    ? brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 6, [constants.BROTLI_PARAM_LGWIN]: 20 } })
    : null;
  return {
    body,
    brotli: brotli !== null && brotli.length < body.length ? brotli : null,
    headers: {
      ...SECURITY_HEADERS,
      "content-type": type,
      "etag": `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
      "cache-control": isForever ? "public, max-age=31536000, immutable" : "no-cache",
      "vary": "Accept-Encoding",
    },
  };
}

function send(file: StaticFile, request: IncomingMessage, response: ServerResponse): void {
  const { method = "GET", headers } = request;
  if (method !== "GET" && method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
    return;
  }
  if (headers["if-none-match"] === file.headers["etag"]) {
    response.writeHead(304, file.headers).end();
    return;
  }
  const takesBrotli = /(^|[\s,])br([\s,;]|$)/.test(String(headers["accept-encoding"] ?? ""));
  const isSmall = takesBrotli && file.brotli !== null;
  const body = isSmall && file.brotli !== null ? file.brotli : file.body;
  response.writeHead(200, {
    ...file.headers,
    ...(isSmall ? { "content-encoding": "br" } : {}),
    "content-length": body.length,
  });
  response.end(method === "HEAD" ? undefined : body);
}
