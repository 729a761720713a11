/** What `tidelock dev` serves when it is given no schema: enough to try everything out. */
import { collection, defineSchema, field, type Schema } from "@tidelock/core";

export const DEMO_TENANT = "demo";

export const demoSchema: Schema = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      title: field.string(),
      done: field.boolean().default(false),
      priority: field.integer().default(0),
      assignee: field.string().optional(),
    }),
  },
});
