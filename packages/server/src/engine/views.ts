/**
 * Views of users: what a subscription shows is what was asked for, within what the read rule of the collection allows. A
 * rule that throws, or answers with something that is no filter, shows nothing and is logged.
 */
import {
  bothFilters,
  type CollectionSchema,
  type ErrorCode,
  EVERYTHING,
  type Filter,
  filterKey,
  filterProblem,
  fingerprint,
  NOTHING,
} from "@tidelock/core";
import { makeView, type View } from "./audience.ts";
import type { Principal } from "./input.ts";
import type { HubContext } from "./ports.ts";

export class Views {
  readonly #context: HubContext;

  constructor(context: HubContext) {
    this.#context = context;
  }

  /** The view that answers a request, or why there is none. */
  viewOf(request: { readonly collection: string; readonly where: Filter }, principal: Principal): View | ErrorCode {
    const schema = this.#context.collections.get(request.collection);
    if (schema === undefined) return "unknown-collection";
    if (filterProblem(request.where, new Set(schema.byName.keys())) !== null) return "invalid-filter";
    const allowed = this.#readRule(schema, principal);
    if (allowed === null) return "rule-failed";
    const filter = bothFilters(request.where, allowed);
    const key = `${schema.name}:${fingerprint(filterKey(filter))}`;
    return makeView(schema, request.where, filter, key, this.#context.columns.get(schema.name) ?? []);
  }

  #readRule(schema: CollectionSchema, principal: Principal): Filter | null {
    const rules = this.#context.rules;
    const rule = Object.hasOwn(rules, schema.name) ? rules[schema.name]?.read : undefined;
    if (rule === undefined) return EVERYTHING;
    try {
      const verdict = rule(this.#context.ruleContext(principal));
      if (typeof verdict === "boolean") return verdict ? EVERYTHING : NOTHING;
      const problem = filterProblem(verdict, new Set(schema.byName.keys()));
      return problem === null ? verdict : this.#ruleBroke(schema.name, problem);
    } catch (error) {
      return this.#ruleBroke(schema.name, error instanceof Error ? error.message : "it threw");
    }
  }

  #ruleBroke(collection: string, problem: string): null {
    this.#context.emit({ type: "log", level: "error", message: "a read rule failed", facts: { collection, problem } });
    return null;
  }
}
