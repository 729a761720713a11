/** The others' pointers, over everything but dialogs. They follow their places while the board scrolls. */
import { type ReactNode, useEffect, useLayoutEffect, useRef } from "react";
import { hueOf } from "./hue.ts";
import { type Cursor, placeOf } from "./cursor-place.ts";
import { useCursors } from "./presence.tsx";

export function Cursors(): ReactNode {
  const cursors = useCursors();
  return (
    <div className="cursors" aria-hidden="true">
      {cursors.map(({ session, name, cursor }) => (
        <RemotePointer key={session} name={name} cursor={cursor} />
      ))}
    </div>
  );
}

function RemotePointer({ name, cursor }: { readonly name: string; readonly cursor: Cursor }): ReactNode {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    put(element.current, cursor);
  }, [cursor]);
  useEffect(() => {
    const follow = (): void => put(element.current, cursor);
    document.addEventListener("scroll", follow, { capture: true, passive: true });
    addEventListener("resize", follow);
    return () => {
      document.removeEventListener("scroll", follow, { capture: true });
      removeEventListener("resize", follow);
    };
  }, [cursor]);
  return (
    <div ref={element} className="cursor" data-hue={hueOf(name)} data-cursor={name}>
      <svg viewBox="0 0 18 20" width="18" height="20">
        <path d="M2 2 L15.5 9.4 L9.2 11 L5.7 17 Z" />
      </svg>
      <span>{name}</span>
    </div>
  );
}

function put(element: HTMLElement | null, cursor: Cursor): void {
  if (element === null) return;
  const place = placeOf(cursor);
  element.classList.toggle("is-away", place === null);
  if (place !== null) element.style.translate = `${Math.round(place.x)}px ${Math.round(place.y)}px`;
}
