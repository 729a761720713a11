/** A note for those who come later. What somebody else writes shows at once, unless one is writing oneself. */
import type { Review } from "@tidelock/core";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { useActions } from "../actions.ts";

const MAX_LENGTH = 4000;

export function NoteField({ review }: { readonly review: Review }): ReactNode {
  const actions = useActions();
  const current = review.note ?? "";
  const [typed, setTyped] = useState<string | null>(null);
  const latest = useRef({ typed, review, actions });
  useEffect(() => {
    latest.current = { typed, review, actions };
  });
  const flush = useCallback((): void => {
    const { typed: text, review: of, actions: act } = latest.current;
    latest.current = { ...latest.current, typed: null };
    setTyped(null);
    if (text !== null && text.trim() !== (of.note ?? ""))
      act.annotate(of, { note: text.trim() === "" ? null : text.trim() });
  }, []);
  // What was typed is written also when one goes on without leaving the field first.
  useEffect(() => flush, [flush]);
  if (review.status === "closed") {
    return current === "" ? null : (
      <section className="note" aria-label="Note">
        <h3 className="section-name">Note</h3>
        <p className="note-text" dir="auto">
          {current}
        </p>
      </section>
    );
  }
  return (
    <label className="note">
      <span className="section-name">
        Note <kbd aria-hidden="true">N</kbd>
      </span>
      <textarea
        data-part="note"
        dir="auto"
        rows={1}
        maxLength={MAX_LENGTH}
        placeholder="What the next one should know"
        value={typed ?? current}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={flush}
        onKeyDown={(event) => {
          if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing)) {
            event.preventDefault();
            event.stopPropagation();
            if (event.key === "Escape") {
              latest.current = { ...latest.current, typed: null };
              setTyped(null);
            }
            event.currentTarget.blur();
            actions.select(review.id);
          }
        }}
      />
    </label>
  );
}
