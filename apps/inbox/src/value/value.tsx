/**
 * A value as its type is best read, with what changed from another one made visible. Whatever it is and whoever wrote it,
 * it is shown as text: nothing in it is ever markup, and its direction does not leave its place.
 */
import { type FieldSchema, type JsonValue, sameJson } from "@tidelock/core";
import { Check, X } from "lucide-react";
import type { ReactNode } from "react";
import { useNow } from "../shell/clock.ts";
import { numberText } from "./brief.ts";
import { changeWords } from "./change-words.ts";
import { deltaWords } from "./delta-words.ts";
import { Elements, Items } from "./elements.tsx";
import { diffItems } from "./element-diff.ts";
import { readable, shortId } from "./names.ts";
import { Reference } from "./reference.tsx";
import { JsonText, Prose } from "./texts.tsx";
import { isMoment, momentParts, relativeTime, wholeMomentText } from "./times.ts";

interface ValueProps {
  /** `undefined` when the schema does not know the field (any more). */
  readonly field: FieldSchema | undefined;
  readonly value: JsonValue;
  /** What it is compared with; `undefined`: nothing. */
  readonly before?: JsonValue | undefined;
}

export function Value({ field, value, before }: ValueProps): ReactNode {
  if (value === null) return <span className="value-nothing">nothing</span>;
  switch (field?.type ?? guessedType(value)) {
    case "string":
      return typeof value === "string" ? (
        <Prose text={value} before={typeof before === "string" ? before : undefined} />
      ) : (
        <JsonText value={value} before={before} />
      );
    case "number":
    case "integer":
    case "counter":
      return <NumberValue field={field} value={value} before={before} />;
    case "timestamp":
      return <Moment field={field} value={value} before={before} />;
    case "boolean":
      return <YesOrNo isYes={value === true} />;
    case "enum":
      return <span className="value-word">{readable(String(value))}</span>;
    case "reference":
      return field === undefined ? (
        <code>{shortId(String(value))}</code>
      ) : (
        <Reference field={field} id={String(value)} />
      );
    case "set":
    case "list":
      return <ManyValue field={field} value={value} before={before} />;
    default:
      return <JsonText value={value} before={before} />;
  }
}

function guessedType(value: JsonValue): FieldSchema["type"] {
  switch (typeof value) {
    case "string":
      return "string";
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    default:
      return "json";
  }
}

function NumberValue({ field, value, before }: ValueProps): ReactNode {
  const change = field === undefined ? null : changeWords(field, value);
  if (change !== null) return <span>{change}</span>;
  if (typeof value !== "number") return <JsonText value={value} before={before} />;
  const delta = deltaWords(field, before, value);
  return (
    <span className="value-figure">
      <span className="value-number">{numberText(value)}</span>
      {delta === null ? null : <span className="value-delta">{delta}</span>}
    </span>
  );
}

function Moment({ field, value, before }: ValueProps): ReactNode {
  const now = useNow(30_000);
  if (typeof value !== "number") return <JsonText value={value} before={before} />;
  if (!isMoment(value)) return <span>{String(value)}</span>;
  const delta = deltaWords(field, before, value);
  const [day, time] = momentParts(value);
  const [oldDay, oldTime] = typeof before === "number" && isMoment(before) ? momentParts(before) : [];
  // Of a moment that moved, the part that did not steps back.
  const hasMoved = delta !== null;
  return (
    <span className="value-figure" title={wholeMomentText(value)}>
      <span className="value-moment">
        <span data-same={hasMoved && day === oldDay}>{day}</span>{" "}
        <span data-same={hasMoved && time === oldTime}>{time}</span>
      </span>
      <span className="value-delta">{delta ?? relativeTime(value, now)}</span>
    </span>
  );
}

function YesOrNo({ isYes }: { readonly isYes: boolean }): ReactNode {
  const Icon = isYes ? Check : X;
  return (
    <span className="value-switch" data-yes={isYes}>
      <Icon size={15} strokeWidth={2.5} aria-hidden="true" />
      {isYes ? "Yes" : "No"}
    </span>
  );
}

function ManyValue({ field, value, before }: ValueProps): ReactNode {
  const change = field === undefined ? null : changeWords(field, value);
  if (change !== null) return <span>{change}</span>;
  if (!Array.isArray(value)) return <JsonText value={value} before={before} />;
  if (value.length === 0) return <span className="value-nothing">none</span>;
  const old = Array.isArray(before) ? before : undefined;
  const items = diffItems(old, value);
  return items === null ? (
    <Elements field={field?.element ?? undefined} before={old} after={value} />
  ) : (
    <Items items={items} />
  );
}

/** Whether two values are the same to a reader. */
export function isSameValue(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  return left !== undefined && right !== undefined && sameJson(left, right);
}
