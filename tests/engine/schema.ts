/** The small application that the engine's tests share. */
import { collection, defineSchema, field, type Schema } from "@tidelock/core";

export const schema: Schema = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string().default(""),
      done: field.boolean().default(false),
      owner: field.string().default(""),
      extra: field.json().optional(),
    }),
    /** The server assigns the ids. */
    cards: collection(
      { title: field.string().default(""), parent: field.reference("cards").optional() },
      { ids: "server" },
    ),
    /** Nothing but ids. */
    marks: collection({}),
  },
});
