/** `GET /sync/schema`, as a tool without the application's code reads it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { collection, defineRule, defineSchema, field, review } from "@tidelock/core";
import { codeOf, request, serve } from "./served.fixture.ts";

const later = defineRule<number>({ name: "later", version: 3, decide: ({ current }) => current.value });
const noBlank = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value: unknown) => (value === "" ? { issues: [{ message: "must not be blank" }] } : { value }),
  },
} as const;

const schema = defineSchema({
  version: 7,
  collections: {
    ships: collection(
      {
        name: field
          .string()
          .check(noBlank as never)
          .policy(review({ dueAfterMs: 1000, onExpiry: "latest" })),
        state: field.enum(["docked", "at sea"]).default("docked"),
        seats: field.integer().optional(),
        leaves: field.timestamp().default(0).policy(later),
        home: field.reference("piers").optional(),
        tags: field.set(field.string(), { bias: "add" }),
        steps: field.list({ text: field.string() }),
        trips: field.counter(),
      },
      { onDelete: "review" },
    ),
    piers: collection({ name: field.string() }, { ids: "server" }),
  },
});

describe("the schema's address", () => {
  test("says collections, fields, types and policies, and who asks", async (t) => {
    const served = await serve(t, { schema });
    const response = await request(served, "/sync/schema");
    assert.equal(response.status, 200);
    const lww = { kind: "lww" };
    assert.deepEqual(await response.json(), {
      version: 7,
      hash: schema.hash,
      user: "ana",
      tenant: "acme",
      collections: [
        {
          name: "ships",
          ids: "client",
          on_delete: "review",
          reviewable: true,
          fields: [
            {
              name: "name",
              type: "string",
              optional: false,
              policy: { kind: "review", due_after_ms: 1000, on_expiry: "latest" },
              checked: true,
            },
            {
              name: "state",
              type: "enum",
              optional: false,
              policy: lww,
              default: "docked",
              values: ["docked", "at sea"],
            },
            { name: "seats", type: "integer", optional: true, policy: lww, default: null },
            {
              name: "leaves",
              type: "timestamp",
              optional: false,
              policy: { kind: "resolve", rule: "later", version: 3 },
              default: 0,
            },
            { name: "home", type: "reference", optional: true, policy: lww, default: null, collection: "piers" },
            {
              name: "tags",
              type: "set",
              optional: false,
              policy: { kind: "set", bias: "add" },
              default: [],
              element: { name: "element", type: "string", optional: false, policy: lww },
            },
            {
              name: "steps",
              type: "list",
              optional: false,
              policy: { kind: "list" },
              default: [],
              item: [{ name: "text", type: "string", optional: false, policy: lww }],
            },
            { name: "trips", type: "counter", optional: false, policy: { kind: "counter", grows: false }, default: 0 },
          ],
        },
        {
          name: "piers",
          ids: "server",
          on_delete: "delete-wins",
          reviewable: false,
          fields: [{ name: "name", type: "string", optional: false, policy: lww }],
        },
      ],
    });
  });

  test("answers nobody without a token", async (t) => {
    const served = await serve(t);
    for (const [token, code] of [
      [null, "token-missing"],
      ["nonsense", "token-invalid"],
    ] as const) {
      const response = await request(served, "/sync/schema", { token });
      assert.equal(response.status, 401);
      assert.equal(await codeOf(response), code);
    }
  });
});
