/**
 * Dragging things into an order by mouse, pen or finger (a long press): cards between columns, items within a checklist.
 * While one is dragged, the list under it knows which other one it would come before; nothing moves until it is dropped,
 * so the page stays still under changes of others.
 */
import { draggable, dropTargetForElements } from "@atlaskit/pragmatic-drag-and-drop/adapter/element-adapter";
import { combine } from "@atlaskit/pragmatic-drag-and-drop/utils/combine";
import { preserveOffsetOnSource } from "@atlaskit/pragmatic-drag-and-drop/utils/preserve-offset-on-source";
import { setCustomNativeDragPreview } from "@atlaskit/pragmatic-drag-and-drop/utils/set-custom-native-drag-preview";
import { autoScrollForElements } from "@atlaskit/pragmatic-drag-and-drop-auto-scroll/element";
import { type RefObject, useEffect, useRef, useState } from "react";

/** What is sorted. Elements have their ids in `data-card` and `data-step`. */
export type Sorted = "card" | "step";

interface Item {
  readonly kind: Sorted;
  readonly id: string;
  readonly element: RefObject<HTMLElement | null>;
  /** Where it is taken hold of; anywhere when not given. */
  readonly handle?: RefObject<HTMLElement | null>;
  readonly isEnabled?: boolean;
}

/** Lets an element be dragged. Answers whether it is. */
export function useSortable({ kind, id, element, handle, isEnabled = true }: Item): boolean {
  const [isDragging, setDragging] = useState(false);
  useEffect(() => {
    const item = element.current;
    if (item === null || !isEnabled) return undefined;
    const grip = handle?.current ?? null;
    return draggable({
      element: item,
      ...(grip === null ? {} : { dragHandle: grip }),
      getInitialData: () => ({ [keyOf(kind)]: id }),
      onGenerateDragPreview({ nativeSetDragImage, location }) {
        setCustomNativeDragPreview({
          nativeSetDragImage,
          getOffset: preserveOffsetOnSource({ element: item, input: location.current.input }),
          render: ({ container }) => container.append(previewOf(item)),
        });
      },
      onDragStart: () => setDragging(true),
      onDrop: () => setDragging(false),
    });
  }, [kind, id, element, handle, isEnabled]);
  return isDragging;
}

/** In the data of a drag. */
function keyOf(kind: Sorted): string {
  return `tidelock-${kind}`;
}

function previewOf(item: HTMLElement): HTMLElement {
  const preview = item.cloneNode(true) as HTMLElement;
  preview.classList.add("is-preview");
  preview.style.width = `${item.offsetWidth}px`;
  return preview;
}

/** Where a dragged one would go: ahead of another one, or at the `end`. */
export type DropPlace = { readonly before: string } | "end";

interface SortTarget {
  readonly kind: Sorted;
  /** Where it may be dropped. */
  readonly area: RefObject<HTMLElement | null>;
  /** What holds them, and scrolls. */
  readonly list: RefObject<HTMLElement | null>;
  /** Whether one may be dropped here; any when not given. */
  readonly accepts?: (id: string) => boolean;
  readonly onDrop: (id: string, place: DropPlace) => void;
}

/** Lets an area take them. Answers where the dragged one would go; `null` while none is over it. */
export function useSortTarget({ kind, area, list, accepts, onDrop }: SortTarget): DropPlace | null {
  const [place, setPlace] = useState<DropPlace | null>(null);
  const latest = useRef({ accepts, onDrop });
  useEffect(() => {
    latest.current = { accepts, onDrop };
  });
  useEffect(() => {
    const target = area.current;
    const items = list.current;
    if (target === null || items === null) return undefined;
    const idOf = (data: Record<string, unknown>): string | null => {
      const id = data[keyOf(kind)];
      return typeof id === "string" ? id : null;
    };
    const follow = (data: Record<string, unknown>, y: number): void =>
      setPlace((last) => keepIfSame(last, placeAt(kind, items, idOf(data), y)));
    return combine(
      dropTargetForElements({
        element: target,
        canDrop: ({ source }) => {
          const id = idOf(source.data);
          return id !== null && (latest.current.accepts?.(id) ?? true);
        },
        onDragEnter: ({ source, location }) => follow(source.data, location.current.input.clientY),
        onDrag: ({ source, location }) => follow(source.data, location.current.input.clientY),
        onDragLeave: () => setPlace(null),
        onDrop: ({ source, location }) => {
          const id = idOf(source.data);
          setPlace(null);
          if (id !== null) latest.current.onDrop(id, placeAt(kind, items, id, location.current.input.clientY));
        },
      }),
      autoScrollForElements({ element: items, canScroll: ({ source }) => idOf(source.data) !== null }),
    );
  }, [kind, area, list]);
  return place;
}

function placeAt(kind: Sorted, list: HTMLElement, dragged: string | null, y: number): DropPlace {
  for (const item of list.querySelectorAll<HTMLElement>(`[data-${kind}]`)) {
    const id = item.dataset[kind];
    if (id === undefined || id === dragged) continue;
    const { top, height } = item.getBoundingClientRect();
    if (y < top + height / 2) return { before: id };
  }
  return "end";
}

function keepIfSame(last: DropPlace | null, next: DropPlace): DropPlace {
  if (last === null || last === "end" || next === "end") return last === next ? last : next;
  return last.before === next.before ? last : next;
}

/** Whether the dragged one would come ahead of this one. */
export function isAhead(place: DropPlace | null, id: string): boolean {
  return place !== null && place !== "end" && place.before === id;
}
