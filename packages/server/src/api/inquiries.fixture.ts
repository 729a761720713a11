/** For tests of what people ask of the log: a server with policies of several kinds, and people who disagree. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { collection, defineSchema, field, greatest, type JsonObject, review } from "@tidelock/core";
import type { ConflictList, ConflictRecord, HistoryList, ReviewList, ReviewRecord } from "../engine/inquiry-records.ts";
import type { ServerOptions } from "./options.ts";
import { request, serve, type Served } from "./served.fixture.ts";

export const schema = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string(),
      owner: field.string().default("ana"),
      status: field.enum(["open", "done", "dropped"]).default("open").policy(review()),
      priority: field.integer().default(0).policy(greatest()),
    }),
    notes: collection({ text: field.string() }),
  },
});

interface Applied {
  readonly applied: ReadonlyArray<{ readonly entity_id: string; readonly version: string }>;
  readonly rejected: ReadonlyArray<{ readonly code: string; readonly message: string }>;
}

/** A server, and what people do with it. Everybody is of the tenant `acme`, and has a device of the same name. */
export class Office {
  readonly served: Served;
  #names = 0;

  constructor(served: Served) {
    this.served = served;
  }

  static async open(test: TestContext, options: Partial<ServerOptions> = {}): Promise<Office> {
    return new Office(await serve(test, { schema, ...options }));
  }

  /** One mutation; answers the version that the entity then has. */
  async write(user: string, operation: string, entity: string, more: JsonObject = {}): Promise<string> {
    this.#names += 1;
    const { payload = {}, version = null, collection: name = "tasks", ...rest } = more;
    const mutation = { temp_id: `m${this.#names}`, entity_id: entity, collection: name, operation, payload, version };
    const response = await request(this.served, "/sync/reconcile", {
      token: `acme/${user}`,
      body: { device_id: user, last_ack_version: null, mutations: [{ ...mutation, ...rest }] },
    });
    const answer = (await response.json()) as Applied;
    assert.deepEqual(answer.rejected, []);
    return answer.applied[0]?.version ?? "";
  }

  /** Ana makes a task; Ben, who has not seen that, writes the fields as well. */
  async disagree(entity: string, anas: JsonObject, bens: JsonObject): Promise<void> {
    await this.write("ana", "create", entity, { payload: { title: "Water", ...anas } });
    await this.write("ben", "update", entity, { payload: bens });
  }

  async get<Answer>(path: string, token: string = "acme/ana"): Promise<Answer> {
    const response = await request(this.served, path, { token });
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as Answer;
  }

  conflicts(parameters: string = "", token?: string): Promise<ConflictList> {
    return this.get(`/sync/conflicts${parameters}`, token);
  }

  conflict(id: string, token?: string): Promise<ConflictRecord> {
    return this.get(`/sync/conflicts/${id}`, token);
  }

  history(entity: string, parameters: string = "", token?: string): Promise<HistoryList> {
    return this.get(`/sync/history/tasks/${entity}${parameters}`, token);
  }

  reviews(parameters: string = "", token?: string): Promise<ReviewList> {
    return this.get(`/sync/reviews${parameters}`, token);
  }

  review(id: string, token?: string): Promise<ReviewRecord> {
    return this.get(`/sync/reviews/${id}`, token);
  }

  /** The status and the error of an answer that is one. */
  async refusal(path: string, options: Parameters<typeof request>[2] = {}): Promise<[number, string, string]> {
    const response = await request(this.served, path, options);
    const { error } = (await response.json()) as {
      readonly error: { readonly code: string; readonly message: string };
    };
    return [response.status, error.code, error.message];
  }
}
