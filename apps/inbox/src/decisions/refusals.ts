/** Refusals in words for people, with what they can do. */
import { ERRORS, type TidelockError } from "@tidelock/core";
import { sentence } from "../value/names.ts";
import type { Notice } from "./notices.ts";

/** What a code means to somebody who decides reviews; others are told in the words of the catalogue. */
const TITLES: Readonly<Record<string, string>> = {
  "review-closed": "Somebody else decided first",
  "review-changed": "Another value came in meanwhile",
  "review-full": "The review is full",
  "forbidden": "You may not do this",
  "rule-failed": "A rule failed",
  "invalid-value": "The value does not fit",
  "entity-not-found": "It is not there any more",
  "entity-deleted": "It has been deleted",
  "outbox-full": "Too much is waiting to be sent",
};

export function refusalNotice(error: TidelockError): Pick<Notice, "tone" | "title" | "text" | "isSticky"> {
  const title = TITLES[error.code] ?? ERRORS[error.code].message;
  const isExpected = error.code === "review-closed" || error.code === "review-changed";
  return { tone: isExpected ? "merged" : "problem", title, text: refusalText(error), isSticky: !isExpected };
}

/** What the server said about this one, else what the catalogue says to do. */
export function refusalText({ code, detail }: TidelockError): string {
  const said = detail === "" ? ERRORS[code].fix : detail;
  return sentence(said.replace(`${code}: `, ""));
}
