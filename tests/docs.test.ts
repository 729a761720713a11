/**
 * The documentation says what the code does: examples are compiled and run, tables and messages are compared with the
 * declarations that they describe. Only addresses and tokens are put in; everything else runs as it is printed.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import "fake-indexeddb/auto";
import {
  DEFAULT_LIMITS,
  type ErrorCode,
  ERRORS,
  type JsonObject,
  type JsonValue,
  parseClientMessage,
  parseServerMessage,
} from "@tidelock/core";
import { createServer, type TidelockServer } from "@tidelock/server";
import { memoryStorage } from "@tidelock/server/memory";
import { SignJWT } from "jose";
import ts from "typescript";
import { schema as boardSchema } from "../apps/board/src/schema.ts";
import { allBlocks, type Block, blocksOf, pages, readPage, root } from "./docs/pages.ts";
import { runProgram } from "./docs/program.ts";
import { makeProject, writeInto } from "./docs/project.ts";

const SECRET = "documentation documentation documentation";
const CODE = /^tsx?$/;

function signToken(): Promise<string> {
  return new SignJWT({ tenant: "demo" })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("u1")
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(SECRET));
}

describe("TypeScript in the documentation", () => {
  const project = makeProject("types");
  after(project.remove);

  test("compiles against the packages", async () => {
    const blocks = allBlocks().filter(({ language, skipped }) => CODE.test(language) && skipped === null);
    for (const [index, block] of blocks.entries()) {
      const file = block.name ?? `block-${index}.${block.language}`;
      writeInto(project.folder, join(folderOf(block), file), block.text);
    }
    writeInto(project.folder, "wrong.ts", 'export const wrong: number = "text";\n');
    writeInto(project.folder, "tsconfig.json", JSON.stringify(configuration()));
    const tsc = join(root, "node_modules/@typescript/native/bin/tsc");
    const { output } = await runProgram(process.execPath, [tsc, "-p", "."], { cwd: project.folder });
    assert.match(output, /^wrong\.ts.*TS2322/m, "the mistake on purpose was not found");
    // Mistakes in the packages themselves are the business of `npm run check`.
    const ours = (line: string): boolean => / error /.test(line) && !/^(wrong\.ts|\.\.)/.test(line);
    const found = output.split("\n").filter(ours);
    assert.deepEqual(found, []);
    assert.ok(blocks.length >= 5, `only ${blocks.length} blocks`);
  });

  test("is left out for a reason, and rarely", () => {
    const skipped = allBlocks().filter((block) => block.skipped !== null);
    assert.ok(skipped.length <= 3, skipped.map(({ page, line }) => `${page}:${line}`).join(", "));
  });
});

function folderOf({ page }: Block): string {
  return page.replaceAll(/[^A-Za-z0-9]+/g, "-").toLowerCase();
}

function configuration(): object {
  return {
    extends: join(root, "tsconfig.base.json"),
    compilerOptions: {
      lib: ["ES2024", "DOM", "DOM.Iterable"],
      types: ["node"],
      jsx: "react-jsx",
      declaration: false,
      noUnusedLocals: false,
    },
    include: ["**/*"],
  };
}

describe("the example of README.md", () => {
  const project = makeProject("readme");
  const realFetch = globalThis.fetch;
  let server: TidelockServer;
  let url = "";

  before(async () => {
    // The example's own server listens on a fixed port and runs for ever, so it is made here, of the example's options.
    for (const { name, text } of blocksOf("README.md")) if (name !== null) writeInto(project.folder, name, text);
    const { schema } = await load("schema.ts");
    server = createServer({ schema, storage: memoryStorage(), auth: { secret: SECRET }, logger: false });
    ({ url } = await server.listen(0));
  });
  after(async () => {
    globalThis.fetch = realFetch;
    await server.close();
    project.remove();
  });

  // oxlint-disable-next-line typescript/no-explicit-any -- modules that exist only as text of a page
  const load = (file: string): Promise<any> => import(pathToFileURL(join(project.folder, file)).href);

  test("starts its server, which says what it lacks and then where it listens", async () => {
    const start = join(project.folder, "start.ts");
    const text = blocksOf("README.md").find(({ name }) => name === "server.ts")?.text ?? "";
    assert.match(text, /\.listen\(4400\)/);
    writeInto(project.folder, "start.ts", `${text.replace("listen(4400)", "listen(0)")}\nprocess.exit(0);\n`);
    const run = (secret: string): ReturnType<typeof runProgram> =>
      runProgram(process.execPath, ["--conditions=@tidelock/source", start], {
        cwd: project.folder,
        env: { TIDELOCK_SECRET: secret },
      });
    assert.match((await run("")).errors, /config-invalid/);
    const started = await run(SECRET);
    assert.equal(started.code, 0, started.errors);
    assert.match(started.output, /"msg":"listening"/);
    assert.ok(existsSync(join(project.folder, "data/tasks.db")));
  });

  test("writes, syncs and renders", { timeout: 60_000 }, async (context) => {
    const token = await signToken();
    globalThis.fetch = async (input, init) => (input === "/token" ? new Response(token) : realFetch(input, init));
    const source = blocksOf("README.md").find(({ name }) => name === "client.ts")?.text ?? "";
    assert.match(source, /http:\/\/localhost:4400/);
    writeInto(project.folder, "client.ts", source.replace("http://localhost:4400", url));
    const page = blocksOf("README.md").find(({ name }) => name === "app.tsx")?.text ?? "";
    writeInto(project.folder, "app.js", scriptOf(page));

    const { client } = await load("client.ts");
    context.after(() => client.close());
    await load("write.ts");
    assert.deepEqual(
      client.tasks.query().value.data.map(({ title }: { title: string }) => title),
      ["Water the plants"],
    );
    assert.equal(client.status.value.state, "synced");
    writeInto(project.folder, "render.js", RENDER);
    assert.equal((await load("render.js")).html, "<ul><li>Water the plants</li></ul>");
  });
});

const RENDER = `
  import { createElement } from "react";
  import { renderToString } from "react-dom/server";
  import { App } from "./app.js";
  export const html = renderToString(createElement(App));
`;

function scriptOf(tsx: string): string {
  const { JsxEmit, ModuleKind, ScriptTarget } = ts;
  const compilerOptions = { jsx: JsxEmit.ReactJSX, module: ModuleKind.ESNext, target: ScriptTarget.ES2022 };
  return ts.transpileModule(tsx, { compilerOptions }).outputText;
}

describe("curl in PROTOCOL.md", () => {
  let server: TidelockServer;
  let url = "";
  let token = "";

  before(async () => {
    server = createServer({ schema: boardSchema, storage: memoryStorage(), auth: { secret: SECRET }, logger: false });
    ({ url } = await server.listen(0));
    token = await signToken();
  });
  after(() => server.close());

  const commands = blocksOf("docs/PROTOCOL.md").filter(({ language }) => language === "sh");

  function printed(part: string): string {
    const block = commands.find(({ text }) => text.includes(part));
    assert.ok(block !== undefined, `no example with ${part}`);
    return block.text
      .replace(/^TOKEN=.*\n/m, "")
      .replaceAll("http://localhost:4400", url)
      .replaceAll(/\bcurl /g, "curl -sS ");
  }

  /** Streams have no end: one that is asked for is cut after a moment. */
  async function shell(command: string, env: Readonly<Record<string, string>> = {}, cutMs = 20_000): Promise<string> {
    const limited = command.replace("curl -sS ", `curl -sS --max-time ${cutMs / 1000} `);
    const { output } = await runProgram("sh", ["-c", limited], { cwd: root, env: { TOKEN: token, ...env } });
    return output;
  }

  test("reconcile creates and updates, and the same request again has no other effect", async (context) => {
    if (!(await hasCurl())) return context.skip("there is no curl");
    const command = printed("/sync/reconcile");
    const first: Answer = JSON.parse(await shell(command));
    assert.deepEqual(
      first.applied.map(({ temp_id, outcome }) => `${temp_id} ${outcome}`),
      ["t1 applied", "t2 applied"],
    );
    assert.deepEqual([first.rejected, first.conflicts], [[], []]);
    assert.equal(first.state[0]?.fields?.["title"], "Water them all");
    const second: Answer = JSON.parse(await shell(command));
    assert.deepEqual(
      second.applied.map(({ temp_id, outcome }) => `${temp_id} ${outcome}`),
      ["t1 duplicate", "t2 duplicate"],
    );
    assert.deepEqual(second.state, first.state);
    assertSameForm(printedAnswer(), first);
    assert.equal(printedAnswer()["has_more"], first.has_more);
  });

  test("the decision log answers", async (context) => {
    if (!(await hasCurl())) return context.skip("there is no curl");
    const answer: object = JSON.parse(await shell(printed("/sync/conflicts")));
    assert.deepEqual(answer, { conflicts: [], next: null });
  });

  test("a decision names the review that it is about", async (context) => {
    if (!(await hasCurl())) return context.skip("there is no curl");
    const answer = await shell(printed("/decide"), { REVIEW: "review:phone:7:0.3", VERSION: "e.1" });
    assert.match(answer, /"code":"entity-not-found","message":"there is no review review:phone:7:0\.3"/);
  });

  test("the streams begin with a welcome and end their snapshots with an id", async (context) => {
    if (!(await hasCurl())) return context.skip("there is no curl");
    for (const part of ["device=curl'", "device=curl-open"]) {
      const stream = await shell(printed(part), {}, 2_000);
      assert.match(stream, /^retry: 2000\n\nevent: welcome\n/, stream);
      assert.match(stream, /event: snapshot-end\nid: [0-9a-f]{20}\.\d+\n/, stream);
    }
  });

  test("presence reaches the stream of its session", async (context) => {
    if (!(await hasCurl())) return context.skip("there is no curl");
    const ended = new AbortController();
    const headers = { authorization: `Bearer ${token}` };
    const stream = await fetch(`${url}/sync/events?device=curl-room`, { headers, signal: ended.signal });
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (pattern: RegExp): Promise<string> => {
      for (let match = pattern.exec(text); ; match = pattern.exec(text)) {
        if (match !== null) return match[1] ?? "";
        const part = await reader?.read();
        assert.ok(part?.done === false, text);
        text += part.value;
      }
    };
    const session = await until(/"session":"(\w+)"/);
    assert.equal(await shell(printed("/sync/presence"), { SESSION: session }), "{}");
    await until(/"room":"board","whole":true,"members":\[\["\w+","curl-room","u1",1,(\{"name":"curl"\})\]\]/);
    ended.abort();
  });
});

interface Answer {
  readonly applied: ReadonlyArray<{ readonly temp_id: string; readonly outcome: string }>;
  readonly conflicts: readonly JsonObject[];
  readonly rejected: readonly JsonObject[];
  readonly state: ReadonlyArray<{ readonly fields: JsonObject | null }>;
  readonly checkpoint: string;
  readonly has_more: boolean;
}

function printedAnswer(): JsonObject {
  const block = blocksOf("docs/PROTOCOL.md").find(
    ({ language, text }) => language === "json" && /"applied"/.test(text),
  );
  assert.ok(block !== undefined, "the page shows no answer");
  return JSON.parse(block.text);
}

/** The answer that the page shows has no member that a real one lacks. */
function assertSameForm(shown: JsonObject, real: object): void {
  assert.deepEqual(Object.keys(shown), Object.keys(real));
  for (const [name, list] of Object.entries(shown)) {
    const item = Array.isArray(list) ? list[0] : undefined;
    if (item === undefined) continue;
    const other = (real as Readonly<Record<string, readonly object[]>>)[name]?.[0] ?? {};
    assert.deepEqual(Object.keys(item as object), Object.keys(other), name);
  }
}

async function hasCurl(): Promise<boolean> {
  return (await runProgram("curl", ["--version"], { cwd: root })).code === 0;
}

describe("what PROTOCOL.md says", () => {
  const text = readPage("docs/PROTOCOL.md");

  test("numbers its rules without gaps", () => {
    const numbers = [...text.matchAll(/^\*\*P(\d+)\*\*/gm)].map((match) => Number(match[1]));
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
    );
    for (const [, cited] of text.matchAll(/(?<!\*\*)\bP(\d+)\b/g))
      assert.ok(Number(cited) <= numbers.length, `P${cited}`);
  });

  test("shows messages that are messages", () => {
    let count = 0;
    for (const { text: body, language } of blocksOf("docs/PROTOCOL.md")) {
      if (language !== "text") continue;
      for (const line of body.trimEnd().split("\n")) {
        const message: JsonValue = JSON.parse(line.slice(2));
        const parsed = line.startsWith("→") ? parseClientMessage(message) : parseServerMessage(message);
        assert.ok(parsed.ok, `${line}\n${parsed.ok ? "" : parsed.message}`);
        count += 1;
      }
    }
    assert.ok(count >= 12, `only ${count} messages`);
  });

  test("names limits that the server has, with their values", () => {
    const table = /\| limit \| value \| name in the configuration \|\n[\s\S]*?\n\n/.exec(text)?.[0] ?? "";
    const rows = table.split("\n").filter((row) => row.includes("`"));
    assert.ok(rows.length >= 6, table);
    for (const row of rows) {
      const [, , value = "", names = ""] = row.split("|");
      const values = value.split(";").map((part) => part.trim().replace(" MiB", "048576").replaceAll(",", ""));
      for (const [index, [, name = ""]] of [...names.matchAll(/`(\w+)`/g)].entries()) {
        const stated = Number(values[index]?.replace("4048576", "4194304"));
        assert.equal(DEFAULT_LIMITS[name as keyof typeof DEFAULT_LIMITS], stated, name);
      }
    }
  });

  test("names every message", () => {
    for (const type of ["hello", "auth", "subscribe", "unsubscribe", "push", "ack", "presence", "ping", "pong"]) {
      assert.match(text, new RegExp(`\\*\\*\`${type}\`\\*\\*`), type);
    }
    const fromServer = [
      "welcome",
      "push-result",
      "resync",
      "snapshot",
      "rows",
      "snapshot-end",
      "unsubscribed",
      "delta",
      "goaway",
      "refusal",
    ];
    for (const type of fromServer) assert.match(text, new RegExp(`\\*\\*\`${type}\`\\*\\*`), type);
  });
});

describe("ARCHITECTURE.md", () => {
  const text = readPage("docs/ARCHITECTURE.md");

  test("names functions that exist, on the way from one finger to another screen", () => {
    const steps = [...text.matchAll(/^\| [^|]+ \| ((?:`[#\w]+`[,;]? ?)+)\| ((?:`[\w/.-]+\.ts`,? ?)+)\|$/gm)];
    assert.ok(steps.length >= 20, `only ${steps.length} steps`);
    for (const [, functions = "", files = ""] of steps) {
      const sources = [...files.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => readPage(sourcePath(file))).join("\n");
      for (const [, name = ""] of functions.matchAll(/`([^`]+)`/g)) {
        assert.match(sources, new RegExp(`^ *(export )?(function )?${name}(<[^(]*>)?\\(`, "m"), `${name} in ${files}`);
      }
    }
  });

  test("names files that exist", () => {
    for (const [, file = ""] of text.matchAll(/`((?:core|client|server)\/src\/[^`]+\.ts)`/g)) {
      assert.ok(existsSync(join(root, sourcePath(file))), file);
    }
  });
});

/** `core/src/x.ts` → `packages/core/src/x.ts` */
function sourcePath(file: string): string {
  return `packages/${file}`;
}

describe("ERRORS.md", () => {
  test("says of every code what the catalogue says", () => {
    const rows = new Map(
      [...readPage("docs/ERRORS.md").matchAll(/^\| `([a-z-]+)` \|(.*)\|$/gm)].map(([, code = "", rest = ""]) => [
        code,
        rest.split(" | ").map((cell) => cell.trim()),
      ]),
    );
    assert.deepEqual([...rows.keys()].sort(), Object.keys(ERRORS).sort());
    for (const [code, [http, retry, message, cause, fix]] of rows) {
      const entry = ERRORS[code as ErrorCode];
      assert.deepEqual(
        { http, retry, message, fix },
        { http: String(entry.http), retry: entry.retryable ? "yes" : "no", message: entry.message, fix: entry.fix },
        code,
      );
      assert.ok((cause ?? "").length > 10, `${code} has no usual cause`);
    }
  });
});

describe("links within pages", () => {
  const anchors = new Map(pages().map((page) => [page, new Set(headingsOf(readPage(page)))]));

  for (const page of pages()) {
    test(page, () => {
      const text = readPage(page).replaceAll(/^```[\s\S]*?^```$/gm, "");
      for (const [, target = ""] of text.matchAll(/\]\(([^)\s]*#[^)\s]+)\)/g)) {
        const [file = "", anchor = ""] = target.split("#");
        if (/^[a-z]+:/.test(file)) continue;
        const other = file === "" ? page : join(page, "..", file).replaceAll("\\", "/");
        if (other.endsWith(".md")) assert.ok(anchors.get(other)?.has(anchor), `${target} leads nowhere`);
      }
    });
  }
});

/** As GitHub makes them. */
function headingsOf(text: string): string[] {
  return [...text.replaceAll(/^```[\s\S]*?^```$/gm, "").matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[`*]/g, "")
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-"),
  );
}
