/** Values, people and times of the decision log, as a person reads them. Pure. */
import { isJsonObject, type JsonValue, parseVersion } from "@tidelock/core";
import type { ContenderRecord } from "../../engine/inquiry-records.ts";
import { visible } from "../output.ts";

const MAX_VALUE = 60;

/** A value as JSON, cut where it gets long. */
export function shown(value: JsonValue, max: number = MAX_VALUE): string {
  const json = visible(JSON.stringify(value));
  return json.length <= max ? json : `${json.slice(0, max - 1)}…`;
}

/** Who wrote it: the user, or the device where the log does not know the user any more. */
export function authorOf({ user, device }: Pick<ContenderRecord, "user" | "device">): string {
  return user === null ? `somebody on ${device}` : visible(user);
}

/** `ana on laptop`. */
export function authorAndDevice({ user, device }: Pick<ContenderRecord, "user" | "device">): string {
  return user === null || user === device ? authorOf({ user, device }) : `${visible(user)} on ${device}`;
}

/** What was written. @param field `null`: the whole entity was at stake */
export function writing(field: string | null, value: JsonValue): string {
  if (field !== null) return shown(value);
  if (value === null) return "the delete";
  if (!isJsonObject(value)) return shown(value);
  return Object.entries(value)
    .map(([name, given]) => `${name}=${shown(given, MAX_VALUE / 2)}`)
    .join(" ");
}

/** `2026-03-01 12:00:05`, on the clock of whoever reads. */
export function moment(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return visible(time);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Up to which event an author had seen the log; `null`: nobody knows any more. */
export function seenBy({ version }: Pick<ContenderRecord, "version">): number | null {
  return parseVersion(version)?.vector.floor ?? null;
}
