/** An application in three versions, and what tests of the way between them need. */
import { collection, defineSchema, field, lens, migrations, type Schema } from "@tidelock/core";
import { MIGRATION_DEVICE, RowMigration } from "@tidelock/server/engine";
import type { MemoryStorageState } from "@tidelock/server/memory";
import { START, tenant } from "./names.ts";

export const first = defineSchema({
  version: 1,
  collections: {
    tasks: collection({
      name: field.string(),
      urgent: field.boolean().default(false),
      color: field.string().default("grey"),
      labels: field.set(field.string()),
      given: field.string().default(""),
      family: field.string().default(""),
      parent: field.reference("tasks").optional(),
      done: field.boolean().default(false),
    }),
  },
});

const urgency = lens({
  from: { urgent: field.boolean().default(false) },
  to: { priority: field.integer() },
  up: ({ urgent }) => ({ priority: urgent ? 3 : 1 }),
  down: ({ priority }) => ({ urgent: priority >= 3 }),
});

/** Two fields become one, at the last space of which they part. */
const people = lens({
  from: { given: field.string().default(""), family: field.string().default("") },
  to: { person: field.string().default("") },
  up({ given, family }) {
    if (family === "?") throw new Error("nobody is called so");
    return { person: `${given} ${family}`.trim() };
  },
  down({ person }) {
    const space = person.lastIndexOf(" ");
    return space < 0
      ? { given: person, family: "" }
      : { given: person.slice(0, space), family: person.slice(space + 1) };
  },
});

const toSecond = {
  tasks: {
    renamed: { title: "name", tags: "labels", above: "parent" },
    removed: { color: field.string().default("grey") },
    changed: [urgency, people],
    added: { size: (task: { readonly [name: string]: unknown }) => String(task["name"]).length },
  },
};

export const second = defineSchema({
  version: 2,
  collections: {
    tasks: collection({
      title: field.string(),
      priority: field.integer(),
      tags: field.set(field.string()),
      person: field.string().default(""),
      above: field.reference("tasks").optional(),
      done: field.boolean().default(false),
      size: field.integer(),
      archived: field.boolean().default(false),
    }),
  },
  migrations: migrations({ 2: toSecond }),
});

export const third = defineSchema({
  version: 3,
  collections: {
    tasks: collection({
      title: field.string(),
      rank: field.enum(["low", "middle", "high"]),
      tags: field.set(field.string()),
      person: field.string().default(""),
      above: field.reference("tasks").optional(),
      done: field.boolean().default(false),
      size: field.integer(),
      archived: field.boolean().default(false),
    }),
  },
  migrations: migrations({
    2: toSecond,
    3: {
      tasks: {
        changed: [
          lens({
            from: { priority: field.integer() },
            to: { rank: field.enum(["low", "middle", "high"]) },
            up: ({ priority }) => ({ rank: priority >= 3 ? "high" : priority === 2 ? "middle" : "low" }),
            down: ({ rank }) => ({ priority: { low: 1, middle: 2, high: 3 }[rank] }),
          }),
        ],
      },
    },
  }),
});

/** Brings a disk's rows to a schema as a server does, and stops before append number `stopBefore`. Answers how many there are. */
export function migrate(disk: MemoryStorageState, schema: Schema, stopBefore = Number.POSITIVE_INFINITY): number {
  const record = disk.openTenant(tenant);
  const counter = disk.readDevice(tenant, MIGRATION_DEVICE)?.decided ?? 0;
  const migration = new RowMigration({ tenant, record, schema, now: START, counter });
  let appends = 0;
  const append = (commit: Parameters<MemoryStorageState["append"]>[0][number] | null): boolean => {
    if (commit === null) return true;
    if (appends >= stopBefore) return false;
    appends += 1;
    disk.append([commit]);
    return true;
  };
  if (!append(migration.begin())) return appends;
  for (let { wanted } = migration; wanted !== null; { wanted } = migration) {
    const { entities } = disk.readPage(tenant, wanted.collection, wanted.after, wanted.limit);
    if (!append(migration.take(entities))) return appends;
  }
  append(migration.end());
  return appends;
}
