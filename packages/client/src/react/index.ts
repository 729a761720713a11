/**
 * React hooks. One shape: a hook takes a function from the client to what is meant, and returns one object.
 *
 *     const { data } = useQuery((c) => c.tasks.where({ done: false }).orderBy("position"));
 *     const { data } = useEntity((c) => c.tasks, id);
 *     const close = useMutation((c, id: string) => c.tasks.update(id, { done: true }));
 *
 * Register the schema once (see `Register`), and all of them are typed.
 */
export { TidelockProvider, type TidelockProviderProps, useClient } from "./provider.ts";
export * from "./register.ts";
export { type ConflictsResult, useConflicts, useReview } from "./use-conflicts.ts";
export { useLive } from "./use-live.ts";
export { useEntity, useQuery } from "./use-query.ts";
export { type Mutation, useMutation } from "./use-mutation.ts";
export { type Rejected, useConnection, useOutbox, useRejected, useSyncStatus } from "./use-status.ts";
export { type RoomPresence, usePresence } from "./use-presence.ts";
