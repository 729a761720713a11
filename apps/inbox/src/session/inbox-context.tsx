/** What every part of the page shares: the session, what was decided here, notices, and what people are called. */
import type { CollectionClient } from "@tidelock/client";
import type { FieldSchema, JsonValue, Review } from "@tidelock/core";
import { createContext, useCallback, useContext, useSyncExternalStore } from "react";
import type { Telling } from "../decisions/choice.ts";
import type { DecisionDesk, OwnDecision } from "../decisions/decision-desk.ts";
import type { Notices } from "../decisions/notices.ts";
import type { Names } from "../people/names.ts";
import { entityTitle } from "../value/names.ts";
import type { InboxSession } from "./open-session.ts";

export interface InboxParts {
  readonly session: InboxSession;
  readonly desk: DecisionDesk;
  readonly notices: Notices;
  readonly names: Names;
}

const Context = createContext<InboxParts | null>(null);
export const InboxProvider = Context.Provider;

export function useParts(): InboxParts {
  const parts = useContext(Context);
  if (parts === null) throw new Error("The inbox is not open.");
  return parts;
}

export interface NameReader {
  readonly me: string;
  /** A person's name; for the user of this page, too. */
  readonly nameOf: (user: string | null) => string;
  /** The same as the beginning of a sentence, in which one's own self is “You”. */
  readonly who: (user: string | null) => string;
}

export function useNames(): NameReader {
  const { names } = useParts();
  useSyncExternalStore(names.subscribe, names.version);
  return {
    me: names.me,
    nameOf: (user) => names.of(user),
    who: (user) => (user === names.me ? "You" : capital(names.of(user))),
  };
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

export function useOwnDecisions(): readonly OwnDecision[] {
  const { desk } = useParts();
  return useSyncExternalStore(desk.subscribe, desk.get);
}

/** What the schema says of a review's field; `undefined` for whole entities, and for fields that are gone. */
export function useFieldOf(): (review: Pick<Review, "collection" | "field">) => FieldSchema | undefined {
  const { schema } = useParts().session;
  return useCallback(
    ({ collection, field }) => (field === null ? undefined : schema.collections.get(collection)?.byName.get(field)),
    [schema],
  );
}

/** What the entity of a review is called. */
export function useTitleOf(): (review: Pick<Review, "collection" | "row">) => string {
  const { schema } = useParts().session;
  return useCallback(({ collection, row }) => entityTitle(schema.collections.get(collection), row), [schema]);
}

/** What there is to say about a review, for sentences. */
export function useTelling(): (review: Review) => Telling {
  const { names } = useParts();
  const fieldOf = useFieldOf();
  const titleOf = useTitleOf();
  return useCallback(
    (review) => ({
      field: fieldOf(review),
      title: titleOf(review),
      nameOf: (user) => (user === names.me ? "you" : names.of(user)),
    }),
    [names, fieldOf, titleOf],
  );
}

type AnyCollection = CollectionClient<
  { readonly id: string; readonly [field: string]: JsonValue },
  Readonly<Record<string, JsonValue>>,
  Readonly<Record<string, JsonValue>>
>;

/** A collection of a client whose schema is known at run time only; `null` when there is none of that name. */
export function collectionOf({ client, schema }: InboxSession, name: string): AnyCollection | null {
  const known = schema.collections.get(name);
  if (known === undefined || known.isSystem) return null;
  return (client as unknown as Readonly<Record<string, AnyCollection>>)[name] ?? null;
}
