/** Who the users are: what the server wrote down of each when they came. Reads names for sentences about conflicts. */
import { useQuery } from "@tidelock/client/react";
import { useCallback, useMemo } from "react";
import type { PersonEntry } from "../schema.ts";
import { useSession } from "./board-session.tsx";
import { type NameOf, SOMEBODY } from "./names.ts";

export interface Directory {
  readonly nameOf: NameOf;
  readonly personOf: (user: string | null) => PersonEntry | undefined;
}

export function useDirectory(): Directory {
  const { person } = useSession();
  const { data } = useQuery((client) => client.people.all());
  const byUser = useMemo(() => new Map(data.map((entry) => [entry.id, entry])), [data]);
  const personOf = useCallback((user: string | null) => byUser.get(user ?? ""), [byUser]);
  const nameOf = useCallback(
    (user: string | null) => (user === person().user ? person().name : (personOf(user)?.name ?? SOMEBODY)),
    [person, personOf],
  );
  return useMemo(() => ({ nameOf, personOf }), [nameOf, personOf]);
}
