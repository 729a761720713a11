/**
 * Rules: what an authenticated user may read and write. Read rules are filters, so that they hold for snapshots, deltas
 * and catch-up alike; write rules see the entity before and after. They are plain synchronous functions of the operator;
 * one that throws refuses the operation with `rule-failed` and harms nothing else.
 */
import type { Filter, JsonObject, Millis, Review, TenantId, UserId } from "@tidelock/core";

export interface RuleContext {
  readonly tenant: TenantId;
  readonly user: UserId;
  /** The claims of the user's token. */
  readonly claims: JsonObject;
  /** The server's clock. */
  readonly now: Millis;
}

export interface WriteRequest {
  readonly operation: "create" | "update" | "delete";
  /** The entity as it is, with its `id`; `null` for a create. */
  readonly before: JsonObject | null;
  /** The entity as it would be, with its `id`; `null` for a delete. */
  readonly after: JsonObject | null;
}

export interface ReviewRequest {
  readonly review: Review;
  /** The entity as it is, with its `id`; as it last was when it is deleted. */
  readonly entity: JsonObject;
}

export interface CollectionRules {
  /** The entities that the user may read: `true` for all, `false` for none, or a filter. Default: all. */
  readonly read?: (context: RuleContext) => boolean | Filter;
  /** Whether the user may do this; a text is a refusal with its reason. Default: yes. */
  readonly write?: (context: RuleContext, request: WriteRequest) => boolean | string;
  /**
   * Whether the user may decide a review of this collection, or change its assignee, note or due time. Default: yes; what
   * is decided must pass the write rule as well. Who may read an entity may read its reviews.
   */
  readonly review?: (context: RuleContext, request: ReviewRequest) => boolean | string;
}

/** Rules by collection. A collection without rules is open to every user of the tenant. */
export interface Rules {
  readonly [collection: string]: CollectionRules | undefined;
}
