/** The entity of the benchmarks: about 112 bytes of JSON, as in the measurements of others that they are compared with. */
import { collection, defineSchema, field } from "@tidelock/core";

export const schema = defineSchema({
  version: 1,
  collections: {
    items: collection({
      title: field.string().default(""),
      body: field.string().default(""),
      done: field.boolean().default(false),
      rank: field.number().default(0),
    }),
  },
});

export interface Item {
  readonly title: string;
  readonly body: string;
  readonly done: boolean;
  readonly rank: number;
}

/** Entity number `index`, about 112 bytes as JSON with its id. */
export function item(index: number): Item {
  return { title: `item ${index}`, body: "the quick brown fox jumps over", done: index % 2 === 0, rank: index };
}

export function itemId(index: number): string {
  return `item-${String(index).padStart(7, "0")}`;
}
