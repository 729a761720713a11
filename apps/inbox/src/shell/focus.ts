/** Where the focus goes when what had it is gone or done with. */

/** Whether list and review are not side by side. The same width is in `styles/layout.css`. */
export function isNarrow(): boolean {
  return matchMedia("(max-width: 860px)").matches;
}

export function focusRow(review: string): void {
  const focus = (): boolean => {
    const row = document.querySelector<HTMLElement>(`[data-row-link="${CSS.escape(review)}"]`);
    row?.focus({ preventScroll: true });
    row?.closest("li")?.scrollIntoView({ block: "nearest" });
    return row !== null;
  };
  if (!focus()) later(focus);
}

export function focusTitle(): void {
  later(() => document.querySelector<HTMLElement>("[data-review-title]")?.focus());
}

export function focusPart(name: "note" | "search"): void {
  // At once: what is typed next belongs there.
  const part = document.querySelector<HTMLElement>(`[data-part="${name}"]`);
  part?.focus();
  if (part instanceof HTMLInputElement) part.select();
}

/** After the page has been rendered; not when somebody has begun to type meanwhile. */
function later(run: () => void): void {
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      if (document.activeElement?.matches("input, textarea") !== true) run();
    }),
  );
}
