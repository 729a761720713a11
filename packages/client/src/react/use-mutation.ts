/** Writing from components, with what became of the last write. */
import type { TidelockError } from "@tidelock/core";
import { useCallback, useEffect, useRef, useState } from "react";
import type { TransactionWrite, Write, WriteState } from "../api/client.ts";
import { useClient } from "./provider.ts";
import type { RegisteredClient } from "./register.ts";

export interface Mutation<Parameters extends readonly unknown[], Result extends Write | TransactionWrite> {
  /** Writes at once and returns the write's handle. Throws what the write throws when a value does not fit. */
  readonly mutate: (...parameters: Parameters) => Result;
  /** Of the last write; `idle` before the first and after `reset`. */
  readonly state: WriteState | "idle";
  /** The server has not decided the last write; offline, that takes as long as offline lasts. */
  readonly isPending: boolean;
  /** Why the last write was refused or could not be saved. */
  readonly error: TidelockError | null;
  readonly reset: () => void;
}

interface Progress {
  readonly state: WriteState | "idle";
  readonly error: TidelockError | null;
}

const IDLE: Progress = { state: "idle", error: null };

/**
 * A write as a function of its parameters.
 *
 *     const close = useMutation((c, id: string) => c.tasks.update(id, { done: true }));
 *     <button onClick={() => close.mutate(task.id)} />
 *
 * `mutate` stays the same function.
 */
export function useMutation<Parameters extends readonly unknown[], Result extends Write | TransactionWrite>(
  run: (client: RegisteredClient, ...parameters: Parameters) => Result,
): Mutation<Parameters, Result> {
  const client = useClient();
  const latest = useRef(run);
  const current = useRef<Result | null>(null);
  const [progress, setProgress] = useState(IDLE);

  useEffect(() => {
    latest.current = run;
  });
  useEffect(() => {
    // A component that is gone hears of no write any more.
    return () => void (current.current = null);
  }, []);

  const mutate = useCallback(
    (...parameters: Parameters): Result => {
      const write = latest.current(client, ...parameters);
      current.current = write;
      setProgress({ state: write.state, error: null });
      const tell = (error: TidelockError | null): void => {
        if (current.current === write) setProgress({ state: write.state, error });
      };
      const failed = (error: TidelockError): void => tell(error);
      write.saved.then(() => tell(null), failed);
      write.synced.then(() => tell(null), failed);
      return write;
    },
    [client],
  );
  const reset = useCallback(() => {
    current.current = null;
    setProgress(IDLE);
  }, []);
  const { state, error } = progress;
  return { mutate, state, error, reset, isPending: state === "accepted" || state === "saved" };
}
