/** A request that works when it is pasted into a terminal: creates an entity of the schema's first collection. */
import type { CollectionSchema, FieldSchema, JsonObject, JsonValue, Schema } from "@tidelock/core";

export function curlExample(url: string, token: string, schema: Schema): string | null {
  const [collection] = schema.collections.values();
  if (collection === undefined) return null;
  const body = {
    device_id: "curl",
    mutations: [{ temp_id: "t1", collection: collection.name, operation: "create", payload: payloadFor(collection) }],
  };
  const quoted = JSON.stringify(body).replaceAll("'", `'\\''`);
  return [
    `curl -s ${url}/sync/reconcile`,
    `-H 'Content-Type: application/json'`,
    `-H 'Authorization: Bearer ${token}'`,
    `-d '${quoted}'`,
  ].join(" \\\n  ");
}

function payloadFor({ fields }: CollectionSchema): JsonObject {
  return Object.fromEntries(
    fields.filter((field) => field.default === undefined).map((field) => [field.name, sampleOf(field)]),
  );
}

/** A value of the field's type. A validator may ask for more; then the server's answer says what. */
function sampleOf(field: FieldSchema): JsonValue {
  switch (field.type) {
    case "string":
      return "Hello";
    case "number":
    case "integer":
      return 1;
    case "boolean":
      return false;
    case "timestamp":
      return Date.UTC(2026, 0, 1);
    case "enum":
      return field.values[0] ?? "";
    case "reference":
      return "some-id";
    case "json":
      return {};
    case "set":
    case "list":
      return [];
    case "counter":
      return { add: 1 };
  }
}
