/** What the crash campaigns write: notes with final ids, and parts with ids that the server assigns. */
import { collection, defineSchema, field } from "@tidelock/core";

export const schema = defineSchema({
  version: 1,
  collections: {
    notes: collection({ text: field.string(), edits: field.integer().default(0) }),
    parts: collection({ note: field.reference("notes"), text: field.string() }, { ids: "server" }),
  },
});

export const SECRET = "a secret of the crash campaigns, long enough";
