/** Sets and lists, with what came and what went. */
import type { FieldSchema, JsonObject, JsonValue } from "@tidelock/core";
import type { ReactNode } from "react";
import { briefValue } from "./brief.ts";
import { diffElements, type ElementState } from "./element-diff.ts";

const SHOWN = 60;

interface ElementsProps {
  readonly field: FieldSchema | undefined;
  readonly before: readonly JsonValue[] | undefined;
  readonly after: readonly JsonValue[];
}

export function Elements({ field, before, after }: ElementsProps): ReactNode {
  const states = diffElements(before, after);
  return (
    <ul className="value-elements">
      {states.slice(0, SHOWN).map(({ element, state }, index) => (
        // Elements of a list may occur twice.
        // oxlint-disable-next-line react/no-array-index-key
        <li key={index} data-state={state}>
          <Marked state={state}>{briefValue(field, element)}</Marked>
        </li>
      ))}
      {states.length > SHOWN ? <li className="is-faint">and {states.length - SHOWN} more</li> : null}
    </ul>
  );
}

export function Items({ items }: { readonly items: ReadonlyArray<ElementState<JsonObject>> }): ReactNode {
  return (
    <ul className="value-items">
      {items.slice(0, SHOWN).map(({ element, state }) => (
        <li key={String(element["id"])} data-state={state}>
          <Marked state={state}>{itemText(element)}</Marked>
        </li>
      ))}
      {items.length > SHOWN ? <li className="is-faint">and {items.length - SHOWN} more</li> : null}
    </ul>
  );
}

function itemText(item: JsonObject): string {
  const { id: _, ...properties } = item;
  const mark = Object.values(properties).find((value) => typeof value === "boolean");
  const words = Object.values(properties)
    .filter((value) => value !== null && typeof value !== "boolean")
    .map((value) => briefValue(undefined, value));
  return `${mark === undefined ? "" : mark === true ? "☑ " : "☐ "}${words.join(", ")}`;
}

function Marked({ state, children }: { readonly state: string; readonly children: string }): ReactNode {
  const text = <bdi>{children}</bdi>;
  if (state === "added" || state === "changed") return <ins>{text}</ins>;
  return state === "removed" ? <del>{text}</del> : text;
}
