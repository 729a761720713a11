/**
 * Views of users: what a subscription shows is what was asked for, within what the read rule of the collection allows. A
 * rule that throws, or answers with something that is no filter, shows nothing and is logged.
 */
import {
  bothFilters,
  type CollectionSchema,
  type ErrorCode,
  ERRORS,
  EVERYTHING,
  type Filter,
  filterKey,
  filterProblem,
  isEverything,
  isPromise,
  MAX_FILTER_CHARACTERS,
  NOTHING,
  withinColumn,
} from "@tidelock/core";
import { makeView, type View } from "./audience.ts";
import type { Principal } from "./input.ts";
import type { HubContext } from "./ports.ts";

/** Why there is no view, for the one who asked. */
export interface ViewRefusal {
  readonly code: ErrorCode;
  readonly message: string;
}

export function isRefusal(view: View | ViewRefusal): view is ViewRefusal {
  return "code" in view;
}

export class Views {
  readonly #context: HubContext;

  constructor(context: HubContext) {
    this.#context = context;
  }

  /** The view that answers a request, or why there is none. */
  viewOf(request: { readonly collection: string; readonly where: Filter }, principal: Principal): View | ViewRefusal {
    const schema = this.#context.collections.get(request.collection);
    if (schema === undefined)
      return { code: "unknown-collection", message: `there is no collection ${request.collection}` };
    const problem = filterProblem(request.where, new Set(schema.byName.keys()));
    if (problem !== null) return { code: "invalid-filter", message: problem };
    if (filterKey(request.where).length > MAX_FILTER_CHARACTERS)
      return { code: "invalid-filter", message: `a filter has at most ${MAX_FILTER_CHARACTERS} characters` };
    const allowed = schema.isSystem ? this.#reviewsOf(principal) : this.#readRule(schema, principal);
    if (allowed === null) return { code: "rule-failed", message: ERRORS["rule-failed"].message };
    const filter = bothFilters(request.where, allowed);
    return makeView(schema, request.where, filter, this.#context.columns.get(schema.name) ?? []);
  }

  /**
   * Who may read an entity may read its open reviews: they hold the entity's values in `row`, kept up to date. A closed one
   * no longer follows its entity, so it is for those who may read all of the collection. [H21]
   */
  #reviewsOf(principal: Principal): Filter | null {
    const parts: Filter[] = [];
    let isAll = true;
    for (const schema of this.#context.collections.values()) {
      if (!schema.isReviewable) continue;
      const allowed = this.#readRule(schema, principal);
      if (allowed === null) return null;
      isAll &&= isEverything(allowed);
      if (isEverything(allowed)) parts.push({ collection: schema.name });
      else parts.push({ collection: schema.name, status: "open", and: [withinColumn(allowed, "row")] });
    }
    return isAll ? EVERYTHING : { or: parts };
  }

  #readRule(schema: CollectionSchema, principal: Principal): Filter | null {
    const rules = this.#context.rules;
    const rule = Object.hasOwn(rules, schema.name) ? rules[schema.name]?.read : undefined;
    if (rule === undefined) return EVERYTHING;
    try {
      const verdict: unknown = rule(this.#context.ruleContext(principal));
      if (isPromise(verdict)) return this.#ruleBroke(schema.name, "it returned a promise: rules must not wait");
      if (typeof verdict === "boolean") return verdict ? EVERYTHING : NOTHING;
      const problem = filterProblem(verdict, new Set(schema.byName.keys()));
      return problem === null ? (verdict as Filter) : this.#ruleBroke(schema.name, problem);
    } catch (error) {
      return this.#ruleBroke(schema.name, error instanceof Error ? error.message : "it threw");
    }
  }

  #ruleBroke(collection: string, problem: string): null {
    this.#context.emit({ type: "log", level: "error", message: "a read rule failed", facts: { collection, problem } });
    return null;
  }
}
