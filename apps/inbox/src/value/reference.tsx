/** Another entity, by what it is called, as far as this user may read it. */
import type { FieldSchema } from "@tidelock/core";
import { useLive } from "@tidelock/client/react";
import { Link2 } from "lucide-react";
import { type ReactNode, useMemo } from "react";
import { collectionOf, useParts } from "../session/inbox-context.tsx";
import { entityTitle, readable, shortId } from "./names.ts";

const UNKNOWN = { data: undefined };

export function Reference({ field, id }: { readonly field: FieldSchema; readonly id: string }): ReactNode {
  const { session } = useParts();
  const target = field.collection;
  const live = useMemo(() => {
    const collection = target === null ? null : collectionOf(session, target);
    try {
      return collection?.entity(id) ?? null;
    } catch {
      // Not an id at all.
      return null;
    }
  }, [session, target, id]);
  const { data } = useLive<{ readonly data: Parameters<typeof entityTitle>[1] | undefined }>(live, UNKNOWN);
  const name = data === undefined ? null : entityTitle(session.schema.collections.get(target ?? ""), data);
  return (
    <span className="value-reference" title={`${target === null ? "" : `${readable(target)} `}${id}`}>
      <Link2 size={14} aria-hidden="true" />
      {name === null ? <code>{shortId(id)}</code> : <bdi>{name}</bdi>}
    </span>
  );
}
