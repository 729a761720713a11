/**
 * A text that is being written while others may change it, too. What is typed is written to the task after a pause, when
 * the field is left, and when it goes away. A change of others shows at once, unless something is being typed.
 */
import { useCallback, useEffect, useRef, useState } from "react";

export interface Draft {
  readonly text: string;
  /** Somebody else has changed the text since typing began. */
  readonly isOutdated: boolean;
  readonly change: (text: string) => void;
  /** Writes what was typed, if anything, and ends the draft. */
  readonly flush: () => void;
}

const PAUSE_MS = 700;

interface Typed {
  readonly text: string;
  /** The text that typing began with, or that was written last. */
  readonly base: string;
}

/** @param write writes a text, or leaves it when it cannot be one */
export function useDraft(current: string, write: (text: string) => void): Draft {
  const [typed, setTyped] = useState<Typed | null>(null);
  const latest = useRef({ typed, current, write });
  useEffect(() => {
    latest.current = { typed, current, write };
  });

  const text = typed?.text ?? null;
  useEffect(() => {
    if (text === null) return undefined;
    const timer = setTimeout(() => {
      const { current, write } = latest.current;
      if (text !== current) write(text);
      setTyped((last) => (last?.text === text ? { text, base: text } : last));
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);

  const flush = useCallback(() => {
    const { typed, current, write } = latest.current;
    latest.current = { ...latest.current, typed: null };
    setTyped(null);
    if (typed !== null && typed.text !== current) write(typed.text);
  }, []);
  useEffect(() => flush, [flush]);

  return {
    text: typed?.text ?? current,
    isOutdated: typed !== null && current !== typed.base && current !== typed.text,
    change: (next) => setTyped((last) => ({ text: next, base: last?.base ?? current })),
    flush,
  };
}
