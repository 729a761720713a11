import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { collection, defineRule, defineSchema, field, type JsonValue, review, type Schema } from "@tidelock/core";
import { createServer } from "@tidelock/server";
import { memoryStorage } from "@tidelock/server/memory";
import { parseServerSchema } from "./server-schema.ts";

const schema = defineSchema({
  version: 4,
  collections: {
    ships: collection(
      {
        name: field.string(),
        state: field.enum(["docked", "at sea"]).default("docked"),
        seats: field
          .integer()
          .optional()
          .policy(review({ dueAfterMs: 1000, onExpiry: "latest" })),
        leaves: field.timestamp().policy(defineRule<number>({ name: "later", version: 3, decide: () => 1 })),
        home: field.reference("piers").optional(),
        tags: field.set(field.string(), { bias: "add" }),
        steps: field.list({ text: field.string(), done: field.boolean().default(false) }),
        trips: field.counter(),
        usage: field.gcounter(),
        extra: field.json().default({}),
      },
      { onDelete: "review" },
    ),
    piers: collection({ name: field.string() }, { ids: "server", onDelete: "update-wins" }),
  },
});

/** What a server says of its schema. */
async function described(own: Schema): Promise<JsonValue> {
  const server = createServer({
    schema: own,
    storage: memoryStorage(),
    logger: false,
    authenticate: () => ({ tenant: "acme", user: "ana" }),
  });
  const headers = { authorization: "Bearer any" };
  const response = await server.fetch(new Request("http://localhost/sync/schema", { headers }));
  await server.close();
  return (await response.json()) as JsonValue;
}

describe("the schema of a server", () => {
  test("comes out of its description as it went in: the fingerprints are the same", async () => {
    const parsed = parseServerSchema(await described(schema));
    assert.equal(parsed.schema.hash, schema.hash);
    assert.deepEqual(
      [...parsed.schema.collections.keys()],
      [...schema.collections.keys()],
      "the reviews are there as well",
    );
    assert.deepEqual([parsed.user, parsed.tenant, parsed.hasReviews], ["ana", "acme", true]);
  });

  test("says whether anything can come to review", async () => {
    const plain = defineSchema({ version: 1, collections: { notes: collection({ text: field.string() }) } });
    assert.equal(parseServerSchema(await described(plain)).hasReviews, false);
  });

  test("may have types that this page does not know: their values are JSON", async () => {
    const description = JSON.parse(
      JSON.stringify(await described(schema)).replaceAll('"boolean"', '"tristate"'),
    ) as never;
    const parsed = parseServerSchema(description);
    assert.equal(parsed.schema.collections.get("ships")?.byName.get("steps")?.item[1]?.type, "json");
  });

  test("is refused where it is none", () => {
    for (const answer of [null, 1, [], {}, { version: 1, user: "a", tenant: "b", collections: 3 }]) {
      assert.throws(() => parseServerSchema(answer as JsonValue), /cannot be read/);
    }
  });
});
