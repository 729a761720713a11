/**
 * What webhooks say: events of the collection of reviews as CloudEvents 1.0 in JSON (structured mode). The review is as
 * `GET /sync/reviews/{id}` shows it, without the entity's row: a receiver that may know more asks for it. Pure.
 */
import {
  type Columns,
  type DomainEvent,
  type Epoch,
  formatCheckpoint,
  type JsonObject,
  REVIEWS,
  type TenantId,
} from "@tidelock/core";
import { reviewRecord, type ReviewRecord, timeText } from "../engine/inquiry-records.ts";
import { reviewOf } from "../engine/reviews.ts";
import type { WebhookEvent } from "./webhook.ts";

/** Characters of one message. Larger ones leave the values out: some receivers refuse them, and many wait in memory. */
const MAX_MESSAGE = 65_536;

export interface WebhookMessage {
  /** The same whenever the same event is sent: receivers know by it what they have seen. */
  readonly id: string;
  readonly event: WebhookEvent;
  /** The CloudEvent as JSON text. */
  readonly body: string;
}

/** Which news an event of the log is; `null` for most. */
export function newsIn({ collection, kind, changed, row }: DomainEvent): WebhookEvent | null {
  if (collection !== REVIEWS || row === null) return null;
  if (kind === "created") return "review.opened";
  return kind === "updated" && changed.includes("status") ? "review.closed" : null;
}

/** @param columns of the collection of reviews */
export function reviewMessage(
  tenant: TenantId,
  epoch: Epoch,
  columns: Columns,
  event: DomainEvent,
  news: WebhookEvent,
): WebhookMessage {
  const { offset, entity, time, row } = event;
  const id = formatCheckpoint({ epoch, offset });
  const review = reviewOf(entity, row ?? [], columns);
  const { row: _row, ...data } = reviewRecord(epoch, id, review, () => undefined);
  const envelope = (said: JsonObject): string =>
    JSON.stringify({
      specversion: "1.0",
      id,
      source: `/tidelock/${tenant}`,
      type: `tidelock.${news}`,
      subject: entity,
      time: timeText(time),
      datacontenttype: "application/json",
      tenant,
      data: said,
    });
  const body = envelope({ ...data } as unknown as JsonObject);
  return { id, event: news, body: body.length <= MAX_MESSAGE ? body : envelope(withoutValues(data)) };
}

function withoutValues({ base: _base, candidates, outcome, ...rest }: Omit<ReviewRecord, "row">): JsonObject {
  const said = {
    ...rest,
    candidates: candidates.map(({ value: _value, ...candidate }) => candidate),
    outcome: outcome === null ? null : { ...outcome, value: null },
    values_omitted: true,
  };
  return said as unknown as JsonObject;
}
