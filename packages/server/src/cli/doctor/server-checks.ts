/** The server: that it answers, takes traffic, tokens and WebSockets, and that its clock and version are near ours. */
import { createServer } from "node:net";
import { SUBPROTOCOL_JSON } from "@tidelock/core";
import { describeFailure } from "../failure.ts";
import { refusalOf, type TokenSource, unreachable } from "../server-access.ts";
import { version } from "../version.ts";
import { type Check, checkNamed } from "./check.ts";

const TIMEOUT_MS = 4000;
/** Servers bear this much with the times in tokens; more makes them expired or not yet valid. */
const MAX_CLOCK_SECONDS = 5;

export interface ServerQuestion {
  readonly url: string;
  /** Whether the user named the address, so that a server must be there. */
  readonly demanded: boolean;
  /** `null` when there is none to try. */
  readonly token: TokenSource | null;
}

export async function* checkServer({ url, demanded, token }: ServerQuestion): AsyncGenerator<Check> {
  const check = checkNamed("server", "Server");
  let health: Response;
  const before = Date.now();
  try {
    health = await get(`${url}/healthz`);
  } catch (error) {
    if (!demanded) yield await checkPort(Number(new URL(url).port));
    const { message } = describeFailure(unreachable(url, error));
    const next = demanded
      ? "Check the address, and that the server is running."
      : "`tidelock dev` starts one; --url names another.";
    return yield check[demanded ? "fail" : "warn"](message, next);
  }
  const millis = Date.now() - before;
  if (!health.ok) {
    const { message, fix } = describeFailure(await refusalOf(health));
    return yield check.fail(message, fix);
  }
  const body = (await health.json().catch(() => null)) as { readonly status?: unknown } | null;
  if (body?.status !== "ok") {
    return yield check.fail(
      `${url} answers, but not as Tidelock does`,
      "Check the address: another program may listen there.",
    );
  }
  yield check.ok(`${url} answers in ${millis} ms`);
  yield await checkReady(url);
  yield await checkVersion(url);
  yield checkClock(health, before, millis);
  yield token === null ? noToken() : await checkToken(url, token);
  yield await checkWebSocket(url);
}

function get(url: string, init: RequestInit = {}): Promise<Response> {
  return fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
}

async function checkPort(port: number): Promise<Check> {
  const check = checkNamed("port", "Port");
  const problem = await new Promise<string | null>((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(null)));
  });
  if (problem === null) return check.ok(`${port} is free`);
  if (problem === "EADDRINUSE")
    return check.fail(`another program listens on ${port}`, "Stop it, or choose another port with --port or PORT.");
  return check.fail(`${port} cannot be listened on (${problem})`, "Choose another port with --port or PORT.");
}

async function checkReady(url: string): Promise<Check> {
  const check = checkNamed("ready", "Ready");
  try {
    const response = await get(`${url}/readyz`);
    if (response.ok) return check.ok("takes traffic");
    const { code, fix } = describeFailure(await refusalOf(response));
    return check.fail(`takes no traffic: ${code}`, fix);
  } catch (error) {
    return check.fail(describeFailure(unreachable(url, error)).message, "Look at the server's log.");
  }
}

async function checkVersion(url: string): Promise<Check> {
  const check = checkNamed("version", "Version");
  const theirs = await get(`${url}/openapi.json`).then(versionIn, () => null);
  if (theirs === null)
    return check.warn("the server does not say", "Its GET /openapi.json should; is it a Tidelock server?");
  if (theirs === version) return check.ok(`${theirs}, like this program`);
  return check.warn(`the server is ${theirs}, this program ${version}`, "Use the same version for both.");
}

async function versionIn(response: Response): Promise<string | null> {
  const document = (await response.json().catch(() => null)) as {
    readonly info?: { readonly version?: unknown };
  } | null;
  const theirs = document?.info?.version;
  return typeof theirs === "string" ? theirs : null;
}

/** The `Date` of an answer is cut to the second: the server's clock was at most one second later. */
function checkClock(response: Response, before: number, millis: number): Check {
  const check = checkNamed("clock", "Clock");
  const date = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(date)) return check.warn("the server's answers have no date", "A proxy may have removed it.");
  const earliest = date - (before + millis);
  const latest = date + 1000 - before;
  const seconds = Math.round(Math.max(earliest, -latest, 0) / 1000);
  if (seconds <= 1) return check.ok("the same as the server's");
  const detail = `${seconds} s ${earliest > 0 ? "behind" : "ahead of"} the server's`;
  return seconds <= MAX_CLOCK_SECONDS
    ? check.ok(detail)
    : check.warn(detail, "Set the clocks by NTP: tokens and stamps depend on them.");
}

function noToken(): Check {
  return checkNamed("token", "Token").warn(
    "none to try: no --token, no TIDELOCK_TOKEN, no .tidelock/dev-secret",
    "Give one with --token.",
  );
}

/** A body that no server accepts: it is read only after the token, and changes nothing. */
async function checkToken(url: string, token: TokenSource): Promise<Check> {
  const check = checkNamed("token", "Token");
  try {
    const headers = { "authorization": `Bearer ${await token()}`, "content-type": "application/json" };
    const response = await get(`${url}/sync/reconcile`, { method: "POST", headers, body: "{}" });
    const { code, message, fix } = describeFailure(await refusalOf(response));
    if (code === "invalid-message" || code === "device-invalid") return check.ok("accepted");
    return check.fail(`${code}: ${message}`, fix);
  } catch (error) {
    return check.fail(describeFailure(unreachable(url, error)).message, "Look at the server's log.");
  }
}

async function checkWebSocket(url: string): Promise<Check> {
  const check = checkNamed("websocket", "WebSocket");
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/sync`, [SUBPROTOCOL_JSON]);
  const opened = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), TIMEOUT_MS);
    const finish = (result: boolean) => (): void => {
      clearTimeout(timer);
      resolve(result);
    };
    socket.addEventListener("open", finish(true));
    socket.addEventListener("error", finish(false));
  });
  socket.close();
  if (opened) return check.ok(`opens with ${socket.protocol}`);
  return check.fail(
    "the upgrade was refused",
    "Let the proxy pass `Upgrade: websocket` for /sync, and do not end idle connections at once.",
  );
}
