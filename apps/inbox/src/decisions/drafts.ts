/**
 * What somebody is about to decide, per review, while they go from one to the other: nothing that was picked or typed is
 * lost by looking at something else. Forgotten with the page.
 */
import type { FieldSchema, Review } from "@tidelock/core";
import { type EditorInput, type Parsed, parseInput } from "../value/editing.ts";
import type { Choice } from "./choice.ts";

export type Draft =
  | { readonly kind: "none" }
  | { readonly kind: "pick"; readonly candidate: string }
  | { readonly kind: "edit"; readonly input: EditorInput };

export const NO_DRAFT: Draft = { kind: "none" };

export type Drafts = ReadonlyMap<string, Draft>;

export function draftOf(drafts: Drafts, review: string): Draft {
  return drafts.get(review) ?? NO_DRAFT;
}

export function withDraft(drafts: Drafts, review: string, draft: Draft): Drafts {
  const next = new Map(drafts);
  if (draft.kind === "none") next.delete(review);
  else next.set(review, draft);
  return next;
}

export function parsedDraft(draft: Draft, field: FieldSchema | undefined): Parsed | null {
  return draft.kind === "edit" && field !== undefined ? parseInput(field, draft.input) : null;
}

/** What a draft would decide; `null` when nothing is chosen, or what was typed cannot be sent. */
export function choiceOf(draft: Draft, review: Review, field: FieldSchema | undefined): Choice | null {
  if (draft.kind === "pick") {
    const candidate = review.candidates.find(({ id }) => id === draft.candidate);
    return candidate === undefined ? null : { kind: "pick", candidate };
  }
  const parsed = parsedDraft(draft, field);
  return parsed?.kind === "value" ? { kind: "edit", value: parsed.value } : null;
}
