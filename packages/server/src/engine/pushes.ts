/**
 * Pushes of sessions: mutations in counter order, cut into transactions, each answered once it is on disk. What was pushed
 * before is answered again with its first answer; what leaves a gap ends the session [H2].
 */
import {
  ERRORS,
  isTemporaryId,
  type ErrorCode,
  type Mutation,
  type MutationRow,
  type Push,
  type Refusal,
  type ResultDetail,
  type ResultRow,
  type SessionId,
} from "@tidelock/core";
import type { DeviceState } from "./device.ts";
import type { Planner } from "./planner.ts";
import type { Pushed } from "./transaction.ts";
import type { HubContext } from "./ports.ts";
import type { Receipt } from "./records.ts";
import type { Session } from "./session.ts";
import type { Translator } from "./translate.ts";

const OVERLOAD_RETRY_MS = 2_000;

/** What pushes need of the hub. */
export interface PushHost {
  readonly context: HubContext;
  readonly planner: Planner;
  readonly translator: Translator;
  readonly session: (id: SessionId) => Session | undefined;
  readonly addResult: (session: Session, row: ResultRow) => void;
  readonly refuseSession: (id: SessionId, code: ErrorCode, message?: string, more?: Partial<Refusal>) => void;
}

export class Pushes {
  readonly #host: PushHost;

  constructor(host: PushHost) {
    this.#host = host;
  }

  push(session: Session, push: Push): void {
    const { device } = session;
    const [first] = push.mutations;
    if (first === undefined) return;
    if (!this.#host.planner.hasRoomFor(push.mutations.length)) {
      return this.#host.refuseSession(session.id, "overloaded", undefined, { retryAfterMs: OVERLOAD_RETRY_MS });
    }
    const known = push.mutations.filter(([counter]) => counter <= device.accepted).length;
    if (known > 0) this.#answerAgain(session, push.mutations.slice(0, known));
    let run: Pushed[] = [];
    for (const row of push.mutations.slice(known)) {
      const counter = row[0];
      const last = device.accepted + run.length;
      // What was begun of a transaction is not taken: the device sends it again, whole.
      if (counter !== last + 1) {
        const message = `mutation ${counter} came after ${last}`;
        return this.#host.refuseSession(session.id, "counter-gap", message, { about: { counter } });
      }
      run.push(this.#pushed(device, row, run.at(-1)));
      if (row[7] > 0) continue;
      this.#enqueue(session, run);
      run = [];
    }
    // A transaction that does not end within its push is refused whole, but decided like any other.
    if (run.length > 0)
      this.#enqueue(
        session,
        run.map((pushed) => ({ ...pushed, refused: BROKEN })),
      );
  }

  #pushed(device: DeviceState, row: MutationRow, before: Pushed | undefined): Pushed {
    const [counter, operation, collection, entity, fields, seen, stamp, remaining] = row;
    const mutation: Mutation = { counter, operation, collection, entity, fields, seen, stamp, remaining };
    // A call is a transaction of its own: what it needs to have in memory shows only when it runs.
    const isCrowded = operation === "call" && (remaining > 0 || before !== undefined);
    const broken = isCrowded || (before !== undefined && before.mutation.remaining !== remaining + 1);
    const forged = seen > this.#host.planner.durable;
    const schema = this.#host.context.collections.get(collection);
    return {
      mutation,
      seen: { floor: seen, dots: new Map([[device.device, counter - 1]]) },
      name: null,
      assign: operation === "create" && schema?.ids === "server" && isTemporaryId(entity),
      refused: broken ? BROKEN : forged ? FORGED : null,
    };
  }

  #enqueue(session: Session, pushed: readonly Pushed[]): void {
    const { device, principal, id, schemaVersion } = session;
    const { translator } = this.#host;
    const mutations = pushed.map((each) => translator.arrived(each, schemaVersion));
    const first = mutations[0]?.mutation.counter ?? 0;
    device.accepted += mutations.length;
    this.#host.planner.enqueue({
      device,
      principal,
      mutations,
      answer: ({ counter, outcome, offset, detail }) => {
        if (this.#host.session(id) !== session) return;
        if (detail === null) return this.#host.addResult(session, [counter, outcome, offset]);
        const told = translator.detail(detail, collectionOf(pushed[counter - first]?.mutation), schemaVersion);
        this.#host.addResult(session, [counter, outcome, offset, told]);
      },
    });
  }

  /** Mutations that were pushed before: those on disk get their first answer again, the others will get theirs. */
  #answerAgain(session: Session, rows: readonly MutationRow[]): void {
    const { device, id, schemaVersion } = session;
    const from = rows[0]?.[0] ?? 0;
    const last = Math.min(from + rows.length - 1, device.decided);
    if (last < from) return;
    const { translator } = this.#host;
    this.#host.context.read(
      { kind: "receipts", device: device.device, after: from - 1, limit: last - from + 1 },
      (result) => {
        if (this.#host.session(id) !== session) return;
        if (result === null) return this.#host.refuseSession(id, "storage-unavailable");
        const found = new Map(result.receipts.map((receipt) => [receipt.counter, receipt]));
        for (let counter = from; counter <= last; counter++) {
          const receipt = found.get(counter);
          const pushed = rows.find((row) => row[0] === counter);
          const collection = pushed === undefined || pushed[1] === "call" ? null : pushed[2];
          const row: ResultRow =
            receipt === undefined
              ? [counter, "duplicate", 0, { code: "result-pruned" }]
              : duplicateRow(receipt, (detail) => translator.detail(detail, collection, schemaVersion));
          this.#host.addResult(session, row);
        }
      },
    );
  }
}

const BROKEN: ResultDetail = { code: "transaction-broken", message: ERRORS["transaction-broken"].message };
const FORGED: ResultDetail = { code: "version-invalid", message: "`seen` names events that this log does not have" };

function detailOf(receipt: Receipt): ResultDetail | null {
  return receipt.detail === null ? null : (JSON.parse(receipt.detail) as ResultDetail);
}

/** Puts a detail in the words of who is told it. */
type Words = (detail: ResultDetail) => ResultDetail;

/** The first answer, for a device that may not have heard it. */
export function resultRow(receipt: Receipt, words: Words): ResultRow {
  const detail = detailOf(receipt);
  return detail === null
    ? [receipt.counter, receipt.outcome, receipt.offset]
    : [receipt.counter, receipt.outcome, receipt.offset, words(detail)];
}

/** The answer to a mutation that was pushed again: a duplicate, with the first answer inside. */
function duplicateRow(receipt: Receipt, words: Words): ResultRow {
  const detail = words(detailOf(receipt) ?? {});
  return [receipt.counter, "duplicate", receipt.offset, { ...detail, original: receipt.outcome }];
}

/** The collection whose fields a result speaks of; `null` where it may be several. */
function collectionOf(mutation: Mutation | undefined): string | null {
  return mutation === undefined || mutation.operation === "call" ? null : mutation.collection;
}
