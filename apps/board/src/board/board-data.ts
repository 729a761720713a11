/** The board's live data: all tasks in order, and their comments by task. */
import { useQuery } from "@tidelock/client/react";
import { useMemo } from "react";
import type { Task, TaskComment } from "../schema.ts";

export interface BoardData {
  readonly tasks: readonly Task[];
  readonly isLoading: boolean;
  /** The same object while no comment has come or gone. */
  readonly commentCounts: ReadonlyMap<string, number>;
  readonly commentsOf: (task: string) => readonly TaskComment[];
}

const NONE: readonly TaskComment[] = [];

export function useBoardData(): BoardData {
  const { data: tasks, isLoading } = useQuery((client) => client.tasks.orderBy("position"));
  const { data: comments } = useQuery((client) => client.comments.orderBy("writtenAt"));
  const byTask = useMemo(() => Map.groupBy(comments, ({ task }) => task), [comments]);
  const commentCounts = useMemo(() => new Map([...byTask].map(([task, list]) => [task, list.length])), [byTask]);
  return useMemo(
    () => ({ tasks, isLoading, commentCounts, commentsOf: (task) => byTask.get(task) ?? NONE }),
    [tasks, isLoading, commentCounts, byTask],
  );
}
