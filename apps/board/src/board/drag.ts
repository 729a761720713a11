/**
 * Dragging cards by mouse, pen or finger (a long press). While a card is dragged, the column under it knows the card that
 * it would come before; nothing moves until it is dropped, so the board stays still under changes of others.
 */
import { combine } from "@atlaskit/pragmatic-drag-and-drop/utils/combine";
import { draggable, dropTargetForElements } from "@atlaskit/pragmatic-drag-and-drop/adapter/element-adapter";
import { preserveOffsetOnSource } from "@atlaskit/pragmatic-drag-and-drop/utils/preserve-offset-on-source";
import { setCustomNativeDragPreview } from "@atlaskit/pragmatic-drag-and-drop/utils/set-custom-native-drag-preview";
import { autoScrollForElements } from "@atlaskit/pragmatic-drag-and-drop-auto-scroll/element";
import { type RefObject, useEffect, useRef, useState } from "react";

const CARD = "tidelock-card";

/** Makes an element the handle of its card. Answers whether it is being dragged. */
export function useCardDrag(element: RefObject<HTMLElement | null>, id: string, isEnabled: boolean): boolean {
  const [isDragging, setDragging] = useState(false);
  useEffect(() => {
    const card = element.current;
    if (card === null || !isEnabled) return undefined;
    return draggable({
      element: card,
      getInitialData: () => ({ [CARD]: id }),
      onGenerateDragPreview({ nativeSetDragImage, location }) {
        setCustomNativeDragPreview({
          nativeSetDragImage,
          getOffset: preserveOffsetOnSource({ element: card, input: location.current.input }),
          render: ({ container }) => container.append(previewOf(card)),
        });
      },
      onDragStart: () => setDragging(true),
      onDrop: () => setDragging(false),
    });
  }, [element, id, isEnabled]);
  return isDragging;
}

function previewOf(card: HTMLElement): HTMLElement {
  const preview = card.cloneNode(true) as HTMLElement;
  preview.classList.add("is-preview");
  preview.style.width = `${card.offsetWidth}px`;
  return preview;
}

/** Where a dragged card would go: ahead of another card, or at the `end`. */
export type DropPlace = { readonly before: string } | "end";

interface DropTarget {
  readonly column: RefObject<HTMLElement | null>;
  /** What scrolls, and holds the cards. */
  readonly list: RefObject<HTMLElement | null>;
  readonly onDrop: (card: string, place: DropPlace) => void;
}

/** Lets a column take cards. Answers where the dragged one would go; `null` while none is over the column. */
export function useColumnDrop({ column, list, onDrop }: DropTarget): DropPlace | null {
  const [place, setPlace] = useState<DropPlace | null>(null);
  const drop = useRef(onDrop);
  useEffect(() => {
    drop.current = onDrop;
  });
  useEffect(() => {
    const area = column.current;
    const cards = list.current;
    if (area === null || cards === null) return undefined;
    const isCard = (data: Record<string, unknown>): boolean => typeof data[CARD] === "string";
    const follow = (data: Record<string, unknown>, y: number): void =>
      setPlace((last) => keepIfSame(last, placeAt(cards, String(data[CARD]), y)));
    return combine(
      dropTargetForElements({
        element: area,
        canDrop: ({ source }) => isCard(source.data),
        onDragEnter: ({ source, location }) => follow(source.data, location.current.input.clientY),
        onDrag: ({ source, location }) => follow(source.data, location.current.input.clientY),
        onDragLeave: () => setPlace(null),
        onDrop: ({ source, location }) => {
          const card = String(source.data[CARD]);
          setPlace(null);
          drop.current(card, placeAt(cards, card, location.current.input.clientY));
        },
      }),
      autoScrollForElements({ element: cards, canScroll: ({ source }) => isCard(source.data) }),
    );
  }, [column, list]);
  return place;
}

function placeAt(list: HTMLElement, dragged: string, y: number): DropPlace {
  for (const card of list.querySelectorAll<HTMLElement>("[data-card]")) {
    const id = card.dataset["card"];
    if (id === undefined || id === dragged) continue;
    const { top, height } = card.getBoundingClientRect();
    if (y < top + height / 2) return { before: id };
  }
  return "end";
}

function keepIfSame(last: DropPlace | null, next: DropPlace): DropPlace {
  if (last === null || last === "end" || next === "end") return last === next ? last : next;
  return last.before === next.before ? last : next;
}
