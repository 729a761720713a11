/**
 * Lets cards glide to their new places when the order changes, whoever changed it (FLIP: first, last, invert, play). A
 * class, because only a class is asked for the places of before an update.
 */
import { Component, type ReactNode } from "react";

interface GlideProps {
  /** Says the order: cards move only when it changes. */
  readonly order: string;
  readonly children: ReactNode;
}

const DURATION_MS = 220;
const EASING = "cubic-bezier(0.2, 0, 0, 1)";

let justDropped: string | null = null;

/** A card that was dropped is where the hand has put it; it does not come flying from its old place. */
export function placedByHand(id: string): void {
  justDropped = id;
}

type Places = ReadonlyMap<string, DOMRect>;

export class Glide extends Component<GlideProps> {
  override getSnapshotBeforeUpdate(previous: GlideProps): Places | null {
    return previous.order === this.props.order || prefersStill() ? null : placesOfCards();
  }

  override componentDidUpdate(_props: GlideProps, _state: unknown, before: Places | null): void {
    if (before === null) return;
    for (const card of allCards()) glide(card, before);
    justDropped = null;
  }

  override render(): ReactNode {
    return this.props.children;
  }
}

function glide(card: HTMLElement, before: Places): void {
  const id = card.dataset["card"] ?? "";
  const first = before.get(id);
  if (id === justDropped) {
    card.animate([{ scale: 1.03 }, { scale: 1 }], { duration: DURATION_MS, easing: EASING });
    return;
  }
  if (first === undefined) {
    card.animate(
      [
        { opacity: 0, scale: 0.96 },
        { opacity: 1, scale: 1 },
      ],
      { duration: DURATION_MS, easing: EASING },
    );
    return;
  }
  const last = card.getBoundingClientRect();
  const [x, y] = [first.left - last.left, first.top - last.top];
  if (Math.abs(x) < 1 && Math.abs(y) < 1) return;
  // Only what can be seen on the way is worth the work.
  if (Math.max(first.top, last.top) < 0 || Math.min(first.top, last.top) > innerHeight) return;
  card.animate(
    [
      { translate: `${x}px ${y}px`, zIndex: 1 },
      { translate: "0 0", zIndex: 1 },
    ],
    {
      duration: DURATION_MS,
      easing: EASING,
    },
  );
}

function placesOfCards(): Places {
  return new Map([...allCards()].map((card) => [card.dataset["card"] ?? "", card.getBoundingClientRect()]));
}

function allCards(): NodeListOf<HTMLElement> {
  return document.querySelectorAll<HTMLElement>(".board [data-card]");
}

function prefersStill(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
