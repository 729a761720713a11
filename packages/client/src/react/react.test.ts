/**
 * The hooks, rendered to text and in a root of React DOM whose components show nothing: the little of a document that React
 * touches on the way is made here.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type ClientMessage,
  collection,
  defineSchema,
  field,
  parseEpoch,
  parseSessionId,
  parseUserId,
} from "@tidelock/core";
import { act, createElement, type FunctionComponent, StrictMode } from "react";
import { renderToString } from "react-dom/server";
import type { Client, QueryResult, Write } from "../api/client.ts";
import { createClient } from "../api/create-client.ts";
import { VirtualSystem } from "../runtime/virtual-system.ts";
import type { Transport } from "../transport/transport.ts";
import {
  type Mutation,
  TidelockProvider,
  useClient,
  useConnection,
  useEntity,
  useMutation,
  useOutbox,
  usePresence,
  useQuery,
  useRejected,
  useSyncStatus,
} from "./index.ts";

const schema = defineSchema({
  version: 1,
  collections: { tasks: collection({ title: field.string(), done: field.boolean().default(false) }) },
});
type AppClient = Client<typeof schema>;

declare module "./register.ts" {
  interface Register {
    schema: typeof schema;
  }
}

async function open(): Promise<AppClient> {
  const system = new VirtualSystem(1);
  const client = createClient({
    url: "http://localhost",
    schema,
    auth: "token",
    system,
    transports: [],
    autoConnect: false,
  });
  await client.opened;
  return client;
}

/** React DOM, in a place without a document. */
async function domRoot(): Promise<{
  render: (component: FunctionComponent, client: AppClient) => Promise<void>;
  unmount: () => Promise<void>;
}> {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true, window: { HTMLIFrameElement: EventTarget } });
  const { createRoot } = await import("react-dom/client");
  const listens = { addEventListener: () => {}, removeEventListener: () => {} };
  const ownerDocument = { nodeType: 9, ...listens };
  const container = { nodeType: 1, nodeName: "DIV", tagName: "DIV", textContent: "", ownerDocument, ...listens };
  const root = createRoot(container as unknown as Element);
  return {
    render: (component, client) =>
      act(async () =>
        root.render(
          createElement(StrictMode, null, createElement(TidelockProvider, { client }, createElement(component))),
        ),
      ),
    unmount: () => act(async () => root.unmount()),
  };
}

describe("hooks rendered to text", () => {
  it("show what is on the device", async () => {
    const client = await open();
    client.tasks.create({ id: "t1", title: "Water the plants" });
    client.tasks.create({ id: "t2", title: "Sweep", done: true });
    function Page(): string {
      const { data, total, isComplete } = useQuery((c) => c.tasks.where({ done: false }).orderBy("title"));
      const { data: task, syncState } = useEntity((c) => c.tasks, "t2");
      const { state, pendingCount } = useSyncStatus();
      const { phase } = useConnection();
      const outbox = useOutbox();
      const { entries } = useRejected();
      const { members } = usePresence("board", { x: 1 });
      const titles = data.map(({ title }) => title).join();
      return [
        titles,
        total,
        isComplete,
        task?.title,
        syncState,
        state,
        pendingCount,
        phase,
        outbox.length,
        entries.length,
        members.length,
      ].join(" | ");
    }
    const html = renderToString(createElement(TidelockProvider, { client }, createElement(Page)));
    assert.equal(html, "Water the plants | 1 | false | Sweep | pending | pending | 2 | offline | 2 | 0 | 0");
    await client.close();
  });

  it("ask nothing while there is nothing to ask", async () => {
    const client = await open();
    const seen: Array<QueryResult<unknown>> = [];
    function Page(): null {
      seen.push(
        useQuery<unknown>(null),
        useQuery<unknown>(() => false),
      );
      assert.equal(useEntity((c) => c.tasks, null).data, undefined);
      return null;
    }
    renderToString(createElement(TidelockProvider, { client }, createElement(Page)));
    for (const { data, isLoading, status } of seen)
      assert.deepEqual({ data, isLoading, status }, { data: [], isLoading: false, status: "loading" });
    await client.close();
  });

  it("need a provider, and say so", () => {
    function Page(): null {
      useClient();
      return null;
    }
    assert.throws(() => renderToString(createElement(Page)), /TidelockProvider/);
  });
});

describe("hooks in a root", () => {
  it("render again when the results change, and only then", async () => {
    const client = await open();
    const { render, unmount } = await domRoot();
    const rendered: string[][] = [];
    await render(function Page() {
      const { data } = useQuery((c) => c.tasks.where({ done: false }).orderBy("title").limit(2));
      const titles = data.map(({ title }) => title);
      if (rendered.at(-1)?.join() !== titles.join() || rendered.length === 0) rendered.push(titles);
      return null;
    }, client);
    await act(async () => void client.tasks.create({ id: "t1", title: "b" }));
    await act(async () => void client.tasks.create({ id: "t2", title: "a" }));
    await act(async () => void client.tasks.create({ id: "t3", title: "c" }));
    await act(async () => void client.tasks.update("t1", { done: true }));
    assert.deepEqual(rendered, [[], ["b"], ["a", "b"], ["a", "c"]]);
    await unmount();
    await client.close();
  });

  it("follow the query that a component asks now", async () => {
    const client = await open();
    client.tasks.create({ id: "t1", title: "a" });
    client.tasks.create({ id: "t2", title: "b", done: true });
    const { render, unmount } = await domRoot();
    let isDone = false;
    const shown: string[][] = [];
    const Page: FunctionComponent = () => {
      const { data } = useQuery((c) => c.tasks.query({ where: { done: isDone } }));
      shown.push(data.map(({ title }) => title));
      return null;
    };
    await render(Page, client);
    assert.deepEqual(shown.at(-1), ["a"]);
    isDone = true;
    await render(Page, client);
    assert.deepEqual(shown.at(-1), ["b"]);
    await unmount();
    await client.close();
  });

  it("write, and tell what became of it", async () => {
    const client = await open();
    const { render, unmount } = await domRoot();
    let close: Mutation<[string], Write> | undefined;
    const mutates = new Set<unknown>();
    let shown: boolean | undefined;
    client.tasks.create({ id: "t1", title: "a" });
    await render(function Page() {
      close = useMutation((c, id: string) => c.tasks.update(id, { done: true }));
      mutates.add(close.mutate);
      shown = useEntity((c) => c.tasks, "t1").data?.done;
      return null;
    }, client);
    assert.equal(close?.state, "idle");
    await act(async () => void close?.mutate("t1"));
    assert.equal(shown, true);
    assert.equal(close?.state, "saved");
    assert.equal(close?.isPending, true);
    assert.equal(mutates.size, 1);
    await act(async () => close?.reset());
    assert.equal(close?.state, "idle");
    assert.throws(() => close?.mutate("no id"), { code: "invalid-id" });
    await unmount();
    await client.close();
  });

  it("enter a room while they are there, once, and leave it", async () => {
    const said: string[] = [];
    const system = new VirtualSystem(1);
    const transport = welcoming((message) => {
      if (message.type === "presence") said.push(`${message.action} ${JSON.stringify(message.state)}`);
    });
    const client = createClient({ url: "http://localhost", schema, auth: "token", system, transports: [transport] });
    await system.advance(100);
    const { render, unmount } = await domRoot();
    let x = 1;
    const Page: FunctionComponent = () => {
      usePresence("board", { x });
      return null;
    };
    await render(Page, client);
    await system.advance(100);
    x = 2;
    await render(Page, client);
    await system.advance(100);
    await render(Page, client);
    await system.advance(100);
    assert.deepEqual(said, ['join {"x":1}', 'update {"x":2}']);
    await unmount();
    await system.advance(100);
    assert.deepEqual(said.slice(2), ["leave null"]);
    await client.close();
  });
});

/** A server that welcomes, and hears. */
function welcoming(hear: (message: ClientMessage) => void): Transport {
  return {
    name: "websocket",
    connect(_hello, events) {
      queueMicrotask(() => {
        events.opened();
        events.message({
          type: "welcome",
          protocol: 1,
          session: parseSessionId("s1")!,
          user: parseUserId("ana")!,
          epoch: parseEpoch("e1")!,
          head: 0,
          time: 1_700_000_000_000,
          columns: { tasks: ["title", "done"] },
          decided: 0,
          whole: [],
          results: [],
          expires: null,
          limits: { frameBytes: 1_000_000, pushMutations: 1000, idleMs: 25_000 },
          upgrade: null,
        });
      });
      return { send: hear, close: () => {} };
    },
  };
}
