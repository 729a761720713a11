/**
 * Comments of a card. Their ids come from the server: until then a comment has a temporary one, which is shown here,
 * because it is one of the things that the engine takes care of.
 */
import { useEntity } from "@tidelock/client/react";
import { SendHorizontal } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useRef } from "react";
import { SyncMark } from "../card/sync-mark.tsx";
import { Avatar } from "../presence/avatar.tsx";
import type { TaskComment } from "../schema.ts";
import { useSession } from "../session/board-session.tsx";
import { timeAgo, useNow } from "../sync/relative-time.ts";

interface CommentsProps {
  readonly task: string;
  readonly comments: readonly TaskComment[];
}

const MAX_COMMENT_LENGTH = 4000;

export function Comments({ task, comments }: CommentsProps): ReactNode {
  const { client, actions } = useSession();
  const now = useNow(20_000);
  const field = useRef<HTMLTextAreaElement>(null);
  const send = (): void => {
    const text = field.current?.value.trim() ?? "";
    if (text === "" || field.current === null) return;
    actions.comment(task, text);
    field.current.value = "";
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <div className="comments">
      <ol>
        {comments.map((comment) => (
          <Comment key={client.comments.keyOf(comment.id)} comment={comment} now={now} />
        ))}
      </ol>
      <div className="comment-new">
        <textarea
          ref={field}
          rows={1}
          maxLength={MAX_COMMENT_LENGTH}
          placeholder="Write a comment"
          aria-label="Write a comment"
          onKeyDown={onKeyDown}
        />
        <button type="button" className="icon-button" aria-label="Send the comment" title="Send (Enter)" onClick={send}>
          <SendHorizontal size={16} />
        </button>
      </div>
    </div>
  );
}

function Comment({ comment, now }: { readonly comment: TaskComment; readonly now: number }): ReactNode {
  const { client, actions } = useSession();
  const { syncState } = useEntity(client.comments, comment.id);
  const isTemporary = comment.id.startsWith("tmp:");
  return (
    <li className="comment" data-comment={comment.id}>
      <Avatar name={comment.author} isDecorative />
      <div>
        <p className="comment-head">
          <strong>{comment.author}</strong>
          <span>{timeAgo(comment.writtenAt, now)}</span>
          {syncState === "synced" ? null : <SyncMark state={syncState} />}
          {isTemporary ? (
            <code title="The server gives the final id when it gets the comment">
              {comment.id.slice(-8)}, temporary
            </code>
          ) : null}
          <button type="button" className="link-button" onClick={() => actions.removeComment(comment.id)}>
            Remove
          </button>
        </p>
        <p className="comment-text">{comment.text}</p>
      </div>
    </li>
  );
}
