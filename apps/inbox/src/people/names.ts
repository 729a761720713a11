/**
 * What people are called. The engine knows users by ids only; where the application has a collection of people whose ids
 * are those of its users, the names are taken from there. Everybody else is called by the id.
 */
import type { LiveEntity } from "@tidelock/client";
import { type CollectionSchema, parseEntityId, type Schema } from "@tidelock/core";
import { shortId } from "../value/names.ts";

const COLLECTIONS = ["people", "users", "members", "profiles", "persons", "accounts"];
const FIELDS = ["name", "displayName", "fullName", "title"];

export interface PeopleSource {
  readonly collection: string;
  readonly field: string;
}

/** Where names may be found; `null` when the schema has no such collection. */
export function peopleSource({ collections }: Schema): PeopleSource | null {
  const collection = COLLECTIONS.map((name) => collections.get(name)).find((found) => found !== undefined);
  const field = collection === undefined ? undefined : nameField(collection);
  return collection === undefined || field === undefined ? null : { collection: collection.name, field };
}

function nameField({ byName }: CollectionSchema): string | undefined {
  return FIELDS.find((name) => byName.get(name)?.type === "string");
}

type Follow = (collection: string, id: string) => LiveEntity<Readonly<Record<string, unknown>>>;

export class Names {
  readonly me: string;
  readonly #source: PeopleSource | null;
  readonly #follow: Follow;
  readonly #known = new Map<string, string>();
  readonly #followed = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #version = 0;

  constructor(me: string, source: PeopleSource | null, follow: Follow) {
    this.me = me;
    this.#source = source;
    this.#follow = follow;
  }

  readonly version = (): number => this.#version;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** The name, as far as it is known now; asks for it when it is not. */
  of(user: string | null): string {
    if (user === null) return "somebody";
    this.#ask(user);
    return this.#known.get(user) ?? shortId(user);
  }

  #ask(user: string): void {
    const source = this.#source;
    if (source === null || this.#followed.has(user) || parseEntityId(user) === null) return;
    this.#followed.add(user);
    // Asked while something is being rendered: what comes of it is told later.
    queueMicrotask(() => {
      const live = this.#follow(source.collection, user);
      const note = (): void => this.#note(user, live.value.data?.[source.field]);
      live.subscribe(note);
      note();
    });
  }

  #note(user: string, name: unknown): void {
    if (typeof name !== "string" || name.trim() === "" || this.#known.get(user) === name.trim()) return;
    this.#known.set(user, name.trim());
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }
}
