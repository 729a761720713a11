/** The parts that JSON bodies of requests have in common: each checked, or refused with a sentence that names it. */
import {
  type DeviceId,
  type ErrorCode,
  type JsonObject,
  type JsonValue,
  type Millis,
  parseDeviceId,
  parseEntityId,
  TidelockError,
} from "@tidelock/core";

export const MAX_NAME_LENGTH = 128;
const MAX_VERSION_LENGTH = 32_768;
/** RFC 3339, section 5.6, with a time zone. */
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

export function deviceOf(value: JsonValue | undefined): DeviceId {
  const device = parseDeviceId(value);
  if (device === null)
    throw new TidelockError("device-invalid", "device_id must be 1 to 64 characters of A-Z a-z 0-9 _ . -");
  return device;
}

export function nameOf(value: JsonValue | undefined, where: string): string {
  const name = parseEntityId(value);
  if (name === null) throw invalid(`${where} must be 1 to ${MAX_NAME_LENGTH} characters of A-Z a-z 0-9 _ . : -`);
  return name;
}

export function versionOf(value: JsonValue, where: string): string | null {
  return value === null ? null : textOf(value, where, MAX_VERSION_LENGTH);
}

export function timeOf(value: JsonValue | undefined, where: string, now: Millis): Millis {
  if (value === undefined || value === null) return now;
  const millis = typeof value === "string" && DATE_TIME.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(millis)) throw invalid(`${where} must be a date and time like 2026-03-01T12:00:00Z`);
  return millis;
}

export function textOf(value: JsonValue | undefined, where: string, maxLength: number): string {
  if (typeof value !== "string" || value.length === 0 || value.length > maxLength || !value.isWellFormed()) {
    throw invalid(`${where} must be text of 1 to ${maxLength} characters`);
  }
  return value;
}

export function objectOf(value: JsonValue, where: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(`${where} must be an object`);
  return value as JsonObject;
}

export function invalid(problem: string, code: ErrorCode = "invalid-message"): TidelockError {
  return new TidelockError(code, problem);
}
