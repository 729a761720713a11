/**
 * `POST /sync/reconcile`: the whole protocol in one request, for any client that can make one. Mutations go through the
 * same planner as those of sessions; the answer carries what became of each, and the state that the device lacks.
 *
 * What stays true: idempotent by (tenant, device, temp_id): a request sent twice has one effect and the same answer for
 * each mutation. Requests of one device go one at a time. A checkpoint that the log cannot serve is refused with its
 * reason before anything is applied.
 */
import {
  type ChangeRow,
  type Columns,
  completeRow,
  type Counter,
  decodeEvent,
  type DeviceId,
  type Epoch,
  type ErrorCode,
  ERRORS,
  type EntityId,
  formatCheckpoint,
  formatVersion,
  type JsonObject,
  type JsonValue,
  holdsReferences,
  initialChanges,
  makeStamp,
  MAX_TRANSACTION_MUTATIONS,
  type Millis,
  type Offset,
  type Operation,
  type Outcome,
  parseCheckpoint,
  parseEntityId,
  parseVersion,
  referencesIn,
  type ResultDetail,
  seenThrough,
  temporaryId,
  type VersionVector,
} from "@tidelock/core";
import { Audience, endOf, type View } from "./audience.ts";
import type { DeviceState } from "./device.ts";
import type { ReconcileAnswer, ReconcileEntity, ReconcileResponse } from "./effect.ts";
import { decodeEntity } from "./entity-codec.ts";
import type { Principal, ReconcileBody, ReconcileMutation, ReconcilePosition } from "./input.ts";
import type { Planner } from "./planner.ts";
import type { Pushed } from "./transaction.ts";
import type { Translator } from "./translate.ts";
import type { HubContext } from "./ports.ts";
import { isRefusal, type ViewRefusal } from "./views.ts";
import type { Receipt } from "./records.ts";

/** Requests of one device that may wait for one under way. They are started from within each other's ends. */
const MAX_LINE = 16;
const OVERLOAD_RETRY_MS: Millis = 2_000;
const PAGE = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,63}\.(?:0|[1-9][0-9]{0,15}))!([^!]{1,64})!([^!]{0,128})$/;

/** Reads `last_ack_version`: a checkpoint, or a place within a first download. `null` for anything else. */
export function parseReconcilePosition(text: unknown): ReconcilePosition | null {
  if (typeof text !== "string") return null;
  const page = PAGE.exec(text);
  const checkpoint = parseCheckpoint(page?.[1] ?? text);
  if (checkpoint === null) return null;
  if (page === null) return { ...checkpoint, page: null };
  const after = page[3] === "" ? null : parseEntityId(page[3]);
  return { ...checkpoint, page: { collection: page[2] ?? "", after } };
}

function formatPosition(epoch: Epoch, offset: Offset, collection: string, after: EntityId | null): string {
  return `${formatCheckpoint({ epoch, offset })}!${collection}!${after ?? ""}`;
}

/** What the hub gives a request: the device, loaded and its own, and the views that its user may read. */
export interface ReconcileHost {
  readonly context: HubContext;
  readonly planner: Planner;
  readonly translator: Translator;
  /** Log positions that can be served. */
  readonly floor: () => Offset;
  readonly withDevice: (device: DeviceId, principal: Principal, use: (device: DeviceState | ErrorCode) => void) => void;
  readonly viewOf: (collection: string, principal: Principal) => View | ViewRefusal;
  /** A request of the device has ended. */
  readonly released: (device: DeviceState) => void;
}

interface Request {
  readonly id: number;
  readonly principal: Principal;
  readonly body: ReconcileBody;
  /** Of the schema that the client goes by. */
  readonly version: number;
}

export class Reconciler {
  readonly #host: ReconcileHost;
  /** Requests that wait for one of the same device, by device. */
  readonly #lines = new Map<DeviceId, Request[]>();

  constructor(host: ReconcileHost) {
    this.#host = host;
  }

  handle(request: Request): void {
    const { epoch } = this.#host.context;
    const { checkpoint, device } = request.body;
    if (checkpoint !== null) {
      if (checkpoint.epoch !== epoch) return this.#refuse(request, "epoch-changed");
      if (checkpoint.offset > this.#host.planner.durable) return this.#refuse(request, "version-invalid");
      if (checkpoint.offset < this.#host.floor()) return this.#refuse(request, "checkpoint-expired");
    }
    const line = this.#lines.get(device);
    if (line !== undefined) {
      if (line.length > MAX_LINE) return this.#refuse(request, "overloaded", "", OVERLOAD_RETRY_MS);
      line.push(request);
      return;
    }
    this.#lines.set(device, [request]);
    this.#start(request);
  }

  #start(request: Request): void {
    this.#host.withDevice(request.body.device, request.principal, (device) => {
      if (typeof device === "string") return this.#finish(request, { ok: false, code: device, message: "" });
      device.requests += 1;
      this.#lookUp(request, device);
    });
  }

  /** The request is answered; the device's next one may go. */
  #finish(request: Request, answer: ReconcileAnswer, device?: DeviceState): void {
    this.#host.context.emit({ type: "answer", request: request.id, answer });
    if (device !== undefined) {
      device.requests -= 1;
      this.#host.released(device);
    }
    const line = this.#lines.get(request.body.device) ?? [];
    line.shift();
    const [next] = line;
    if (next === undefined) this.#lines.delete(request.body.device);
    else this.#start(next);
  }

  #refuse(request: Request, code: ErrorCode, message: string = "", retryAfterMs?: Millis): void {
    const answer = { ok: false as const, code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    this.#host.context.emit({ type: "answer", request: request.id, answer });
  }

  /** Which mutations were decided before, and what the client's own names became. */
  #lookUp(request: Request, device: DeviceState): void {
    const { mutations } = request.body;
    if (mutations.length === 0) return this.#collect(request, device, []);
    const names = new Set(mutations.map((mutation) => mutation.name));
    for (const mutation of mutations) {
      if (mutation.entity !== null) names.add(mutation.entity);
      for (const name of this.#referencesOf(mutation, request.version)) names.add(name);
    }
    this.#host.context.read({ kind: "receipts-by-name", device: device.device, names: [...names] }, (found) => {
      const counters = mutations
        .map((mutation) => this.#statedCounter(mutation, device.device))
        .filter((counter) => counter > 0);
      const first = Math.min(...counters);
      if (found === null) return this.#finish(request, { ok: false, code: "storage-unavailable", message: "" }, device);
      if (counters.length === 0 || first > device.decided) return this.#push(request, device, found.receipts);
      this.#host.context.read(
        { kind: "receipts", device: device.device, after: first - 1, limit: mutations.length },
        (counted) => {
          if (counted === null)
            return this.#finish(request, { ok: false, code: "storage-unavailable", message: "" }, device);
          this.#push(request, device, [...found.receipts, ...counted.receipts]);
        },
      );
    });
  }

  /** What a mutation asks the engine to do: any other word than the engine's own names a mutator. */
  #operationOf({ operation }: ReconcileMutation): Operation {
    return isOwnOperation(operation) ? operation : "call";
  }

  #fieldsOf(operation: Operation, { collection, payload }: ReconcileMutation): JsonObject {
    const schema = operation === "create" ? this.#host.context.collections.get(collection) : undefined;
    if (operation === "delete") return {};
    return schema === undefined ? payload : initialChanges(schema, payload);
  }

  #referencesOf({ operation, collection, payload }: ReconcileMutation, version: number): Iterable<string> {
    const { collections, mutators } = this.#host.context;
    if (!isOwnOperation(operation)) {
      const fields = mutators.get(operation)?.args.filter(holdsReferences);
      return fields === undefined ? [] : referencesIn(fields, payload);
    }
    const fields = collections.get(collection)?.references ?? [];
    return referencesIn(fields, this.#host.translator.renamed(collection, payload, version));
  }

  /**
   * The counter that a mutation states through its version: an author who had seen its own mutation n makes number n + 1,
   * and calls it so. 0 when it states none, as plain HTTP clients do: they may send back an entity's version as they got
   * it, with a dot of their own in it, and that says nothing of this mutation's number.
   */
  #statedCounter(mutation: ReconcileMutation, device: DeviceId): Counter {
    const version = mutation.version === null ? null : parseVersion(mutation.version);
    const own = version?.vector.dots.get(device);
    return own !== undefined && mutation.name === String(own + 1) ? own + 1 : 0;
  }

  #push(request: Request, device: DeviceState, receipts: readonly Receipt[]): void {
    const { planner } = this.#host;
    const byName = new Map(
      receipts.filter((receipt) => receipt.name !== null).map((receipt) => [receipt.name, receipt]),
    );
    const byCounter = new Map(receipts.map((receipt) => [receipt.counter, receipt]));
    const decided = new Map<string, Decision>();
    const fresh: ReconcileMutation[] = [];
    planner.learnNames(device.device, [], receipts);
    for (const mutation of request.body.mutations) {
      const stated = this.#statedCounter(mutation, device.device);
      const receipt = stated > 0 ? byCounter.get(stated) : byName.get(mutation.name);
      if (receipt !== undefined) {
        decided.set(mutation.name, {
          duplicate: true,
          outcome: receipt.outcome,
          offset: receipt.offset,
          detail: detailOf(receipt),
        });
      } else if (stated > 0 && stated <= device.decided) {
        // Receipts of refusals are kept: one that is gone was of a mutation that took effect.
        decided.set(mutation.name, { duplicate: true, outcome: "applied", offset: 0, detail: null });
      } else if (!decided.has(mutation.name) && !fresh.some((other) => other.name === mutation.name)) {
        fresh.push(mutation);
      }
    }
    const gap = fresh.findIndex((mutation, index) => {
      const stated = this.#statedCounter(mutation, device.device);
      return stated > 0 && stated !== device.accepted + 1 + index;
    });
    if (gap >= 0)
      return this.#finish(request, { ok: false, code: "counter-gap", message: `at ${fresh[gap]?.name}` }, device);
    const names = new Map<Counter, string>();
    let open = fresh.length;
    let run: Pushed[] = [];
    for (const [index, mutation] of fresh.entries()) {
      device.accepted += 1;
      names.set(device.accepted, mutation.name);
      const before = run.at(-1)?.mutation.remaining;
      const isCrowded = this.#operationOf(mutation) === "call" && (mutation.remaining > 0 || before !== undefined);
      const broken = isCrowded || (before !== undefined && before !== mutation.remaining + 1);
      const unfinished = index === fresh.length - 1 && mutation.remaining > 0;
      const pushed = this.#pushed(mutation, device, device.accepted, broken || unfinished);
      run.push(this.#host.translator.arrived(pushed, request.version));
      if (mutation.remaining > 0 && !unfinished) continue;
      planner.enqueue({
        device,
        principal: request.principal,
        mutations: run,
        answer: ({ counter, outcome, offset, detail }) => {
          decided.set(names.get(counter) ?? "", { duplicate: false, outcome, offset, detail });
          open -= 1;
          if (open === 0) this.#collect(request, device, this.#outcomes(request, decided));
        },
      });
      run = [];
    }
    if (open === 0) this.#collect(request, device, this.#outcomes(request, decided));
  }

  /** What is wrong with a mutation before it can be planned. */
  #problem(mutation: ReconcileMutation): ResultDetail | null {
    const isOwn = isOwnOperation(mutation.operation);
    if (!isOwn && !this.#host.context.mutators.has(mutation.operation)) {
      const message = `${mutation.operation} is neither create, update, delete or decide nor a mutator`;
      return { code: "unknown-operation", message };
    }
    if (isOwn && mutation.operation !== "create" && mutation.entity === null) {
      return { code: "invalid-id", message: `${mutation.operation} needs an entity_id` };
    }
    if (mutation.version !== null) {
      const version = parseVersion(mutation.version);
      if (version === null) return { code: "version-invalid", message: `${mutation.version} is not a version` };
      if (version.epoch === this.#host.context.epoch && version.vector.floor > this.#host.planner.durable) {
        return { code: "version-invalid", message: "the version names events that this log does not have" };
      }
    }
    return null;
  }

  #pushed(mutation: ReconcileMutation, device: DeviceState, counter: Counter, isBroken: boolean): Pushed {
    const version = mutation.version === null ? null : parseVersion(mutation.version);
    const known = version !== null && version.epoch === this.#host.context.epoch ? version.vector : null;
    const seen: VersionVector = {
      floor: known?.floor ?? 0,
      dots: new Map([...(known?.dots ?? []), [device.device, counter - 1]]),
    };
    const operation = this.#operationOf(mutation);
    const temporary = mutation.entity ?? temporaryId(device.device, counter);
    const callee = operation === "call" ? parseEntityId(mutation.operation) : null;
    const serverIds = this.#host.context.collections.get(mutation.collection)?.ids === "server";
    return {
      mutation: {
        counter,
        operation,
        collection: callee ?? mutation.collection,
        entity: callee ?? temporary,
        fields: this.#fieldsOf(operation, mutation),
        seen: seen.floor,
        stamp: makeStamp(mutation.occurredAt, counter % MAX_TRANSACTION_MUTATIONS),
        remaining: mutation.remaining,
      },
      seen,
      // A device that numbers its mutations names them by their counters, here and on a socket.
      name: this.#statedCounter(mutation, device.device) > 0 ? null : mutation.name,
      refused: isBroken
        ? { code: "transaction-broken", message: ERRORS["transaction-broken"].message }
        : this.#problem(mutation),
      assign: operation === "create" && (mutation.entity === null || serverIds),
    };
  }

  #outcomes(
    request: Request,
    decided: ReadonlyMap<string, Decision>,
  ): readonly (readonly [ReconcileMutation, Decision])[] {
    return request.body.mutations.flatMap((mutation) => {
      const decision = decided.get(mutation.name);
      return decision === undefined ? [] : [[mutation, decision] as const];
    });
  }

  // ── state ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #collect(request: Request, device: DeviceState, outcomes: readonly (readonly [ReconcileMutation, Decision])[]): void {
    const position = request.body.checkpoint;
    if (position !== null && position.page === null) this.#collectEvents(request, device, outcomes, position.offset);
    else this.#collectPage(request, device, outcomes, position);
  }

  #views(principal: Principal): View[] {
    const views: View[] = [];
    for (const name of this.#host.context.collections.keys()) {
      const view = this.#host.viewOf(name, principal);
      if (!isRefusal(view)) views.push(view);
    }
    return views;
  }

  /** The rows that changed after a checkpoint. */
  #collectEvents(request: Request, device: DeviceState, outcomes: Outcomes, after: Offset): void {
    const limit = this.#host.context.limits.maxReconcileState;
    const head = this.#host.planner.durable;
    if (after >= head) return this.#answer(request, device, outcomes, [], after, false);
    this.#host.context.read({ kind: "events", after, limit }, (result) => {
      if (result === null)
        return this.#finish(request, { ok: false, code: "storage-unavailable", message: "" }, device);
      if (result.events[0]?.offset !== after + 1) {
        return this.#finish(request, { ok: false, code: "checkpoint-expired", message: "" }, device);
      }
      // The disk may have more than what is known to be there: an append whose answer is on its way.
      const known = result.events.filter((event) => event.offset <= this.#host.planner.durable);
      const events = known.map((event) => decodeEvent(event.offset, event.body));
      const audience = new Audience("", this.#views(request.principal));
      const rows = new Map(events.map((event) => [`${event.collection}/${event.entity}`, event.row]));
      // Rows that were touched are named even when nothing of them changed: the pages before may have left them to this.
      const changes = audience.changes(events, (name) => this.#host.context.columns.get(name) ?? [], "name");
      const state = changes.map((change) =>
        this.#changedEntity(change, rows.get(`${change[1]}/${change[2]}`) ?? null, request.version),
      );
      const end = endOf(events, after);
      this.#answer(request, device, outcomes, state, end, end < this.#host.planner.durable);
    });
  }

  #changedEntity(
    [kind, collection, id, offset]: ChangeRow,
    row: readonly JsonValue[] | null,
    schemaVersion: number,
  ): ReconcileEntity {
    const shown = kind <= 1 ? row : null;
    return {
      collection,
      entity_id: id,
      version: formatCheckpoint({ epoch: this.#host.context.epoch, offset }),
      deleted: shown === null,
      fields: shown === null ? null : this.#fields(collection, shown, schemaVersion),
    };
  }

  /** An entity's values by the names that a version of the schema has for them. */
  #fields(collection: string, row: readonly JsonValue[], version: number): JsonObject {
    const columns: Columns = this.#host.context.columns.get(collection) ?? [];
    const schema = this.#host.context.collections.get(collection);
    if (schema === undefined) return {};
    const values = completeRow(row, columns, schema);
    const names = this.#host.translator.fieldNames(collection, version);
    return Object.fromEntries(names.map((name) => [name, values[columns.indexOf(name)] ?? null]));
  }

  /** A page of a first download: every collection in turn, in id order; then the events since it began. */
  #collectPage(request: Request, device: DeviceState, outcomes: Outcomes, position: ReconcilePosition | null): void {
    const names = [...this.#host.context.collections.keys()];
    const place = position?.page ?? { collection: names[0] ?? "", after: null };
    const began = position?.offset ?? this.#host.planner.durable;
    const index = names.indexOf(place.collection);
    const name = names[index];
    if (name === undefined)
      return this.#answer(request, device, outcomes, [], began, began < this.#host.planner.durable);
    const limit = this.#host.context.limits.maxReconcileState;
    this.#host.context.read({ kind: "page", collection: name, after: place.after, limit }, (page) => {
      if (page === null) return this.#finish(request, { ok: false, code: "storage-unavailable", message: "" }, device);
      const view = this.#host.viewOf(name, request.principal);
      const count = this.#host.context.columns.get(name)?.length ?? 0;
      const state = page.entities.flatMap((stored): ReconcileEntity[] => {
        const entity = decodeEntity(stored, count);
        // What was touched since the download began comes with the events: they tell what was in view then.
        if (entity.at > began) return [];
        if (isRefusal(view) || entity.values === null || !view.matches(entity.id, entity.values)) return [];
        const version = formatVersion(this.#host.context.epoch, seenThrough(entity.vector));
        return [
          {
            collection: name,
            entity_id: entity.id,
            version,
            deleted: false,
            fields: this.#fields(name, entity.values, request.version),
          },
        ];
      });
      const full = page.entities.length >= limit;
      const next = full ? name : names[index + 1];
      const after = full ? (page.entities.at(-1)?.id ?? null) : null;
      const text = next === undefined ? null : formatPosition(this.#host.context.epoch, began, next, after);
      this.#answer(request, device, outcomes, state, began, text !== null || began < this.#host.planner.durable, text);
    });
  }

  /** What became of mutations, with fields as the client knows them. */
  #inWordsOf(version: number, outcomes: Outcomes): Outcomes {
    return outcomes.map(([mutation, decision]) => {
      if (decision.detail === null) return [mutation, decision];
      const collection = isOwnOperation(mutation.operation) ? mutation.collection : null;
      return [mutation, { ...decision, detail: this.#host.translator.detail(decision.detail, collection, version) }];
    });
  }

  #answer(
    request: Request,
    device: DeviceState,
    outcomes: Outcomes,
    state: readonly ReconcileEntity[],
    checkpoint: Offset,
    hasMore: boolean,
    position: string | null = null,
  ): void {
    const { epoch } = this.#host.context;
    const body: ReconcileResponse = {
      ...report(this.#inWordsOf(request.version, outcomes), epoch, (id) =>
        this.#host.planner.resolve(device.device, id),
      ),
      state,
      checkpoint: position ?? formatCheckpoint({ epoch, offset: checkpoint }),
      has_more: hasMore,
    };
    this.#finish(request, { ok: true, body }, device);
  }
}

function isOwnOperation(word: string): word is "create" | "update" | "delete" | "decide" {
  return word === "create" || word === "update" || word === "delete" || word === "decide";
}

type Outcomes = readonly (readonly [ReconcileMutation, Decision])[];

interface Decision {
  readonly duplicate: boolean;
  readonly outcome: Outcome;
  readonly offset: Offset;
  readonly detail: ResultDetail | null;
}

function detailOf(receipt: Receipt): ResultDetail | null {
  return receipt.detail === null ? null : (JSON.parse(receipt.detail) as ResultDetail);
}

const RESOLUTIONS = {
  current: "the value of the server stands",
  incoming: "the value of this mutation stands",
  merged: "the server has a value made of both",
  review: "the server keeps its value until a person has decided",
} as const;

function report(
  outcomes: Outcomes,
  epoch: Epoch,
  resolve: (id: EntityId) => EntityId,
): Pick<ReconcileResponse, "applied" | "conflicts" | "rejected"> {
  const applied: Array<ReconcileResponse["applied"][number]> = [];
  const conflicts: Array<ReconcileResponse["conflicts"][number]> = [];
  const rejected: Array<ReconcileResponse["rejected"][number]> = [];
  for (const [mutation, { duplicate, outcome, offset, detail }] of outcomes) {
    if (outcome === "rejected") {
      rejected.push({ temp_id: mutation.name, code: detail?.code ?? "internal", message: detail?.message ?? "" });
      continue;
    }
    const named = detail?.entity ?? mutation.entity ?? parseEntityId(mutation.name);
    if (named === null) continue;
    const entity = resolve(named);
    applied.push({
      temp_id: mutation.name,
      entity_id: entity,
      version: formatVersion(epoch, { floor: offset, dots: new Map() }),
      outcome: duplicate ? "duplicate" : outcome === "merged" || outcome === "in-review" ? outcome : "applied",
    });
    for (const conflict of detail?.conflicts ?? []) {
      conflicts.push({
        temp_id: mutation.name,
        entity_id: entity,
        field: conflict.field,
        policy: conflict.policy,
        reason: conflict.reason,
        resolution: RESOLUTIONS[conflict.winner],
        server_value: conflict.field === null ? conflict.current.value : conflict.value,
        decision: conflict,
      });
    }
  }
  return { applied, conflicts, rejected };
}
