/**
 * Write handles: what became of a write. A handle learns that it is accepted when the replica has numbered its mutations,
 * then that the store has them, then how the server decided each of them.
 *
 * What stays true: every promise settles at the latest when the client is closed; a rejection that nobody looks at is no
 * unhandled rejection. Promises are made when they are asked for.
 */
import {
  type Counter,
  type EntityId,
  knownCode,
  type Outcome,
  type ResultDetail,
  type Stamp,
  TidelockError,
} from "@tidelock/core";
import type { Intent } from "../engine/input.ts";
import type { StoredMutation } from "../engine/records.ts";
import type { TransactionWrite, Write, WriteResult, WriteState } from "./client.ts";

/** A result that comes later, or an error; told through promises made on demand. */
class Later<Value> {
  #outcome: { readonly value: Value } | { readonly error: TidelockError } | null = null;
  #promise: Promise<Value> | null = null;
  #settle: (() => void) | null = null;

  get promise(): Promise<Value> {
    if (this.#promise === null) {
      this.#promise = new Promise((resolve, reject) => {
        this.#settle = () => {
          if (this.#outcome === null) return;
          if ("value" in this.#outcome) resolve(this.#outcome.value);
          else reject(this.#outcome.error);
        };
      });
      this.#promise.catch(() => {});
      this.#settle?.();
    }
    return this.#promise;
  }

  resolve(value: Value): void {
    this.#outcome ??= { value };
    this.#settle?.();
  }

  reject(error: TidelockError): void {
    this.#outcome ??= { error };
    this.#settle?.();
  }
}

/** One write: the intents of a transaction, and what is known of them. */
class Handle implements TransactionWrite {
  readonly #entities: readonly EntityId[];
  readonly #resolveId: (id: EntityId) => EntityId;
  readonly #saved = new Later<void>();
  readonly #synced = new Later<readonly WriteResult[]>();
  readonly #results: WriteResult[] = [];
  #undecided: number;
  #state: WriteState = "accepted";
  #refusal: TidelockError | null = null;

  constructor(intents: readonly Intent[], resolveId: (id: EntityId) => EntityId) {
    this.#entities = intents.map(({ entity }) => entity);
    this.#undecided = intents.length;
    this.#resolveId = resolveId;
  }

  get ids(): readonly string[] {
    return this.#entities.map(this.#resolveId);
  }
  get state(): WriteState {
    return this.#state;
  }
  get saved(): Promise<void> {
    return this.#saved.promise;
  }
  get synced(): Promise<readonly WriteResult[]> {
    return this.#synced.promise;
  }

  markSaved(): void {
    if (this.#state === "accepted") this.#state = "saved";
    this.#saved.resolve();
  }

  get steps(): number {
    return this.#entities.length;
  }
  get isDecided(): boolean {
    return this.#undecided <= 0;
  }

  /** A decision about the mutation at `index`; an error when it was refused. */
  decide(index: number, decision: WriteResult | TidelockError): void {
    this.#undecided -= 1;
    if (!(decision instanceof TidelockError)) this.#results[index] = decision;
    // Of a refused transaction, the step that caused it says more than those that fell with it.
    else if (this.#refusal === null || this.#refusal.code === "transaction-failed") this.#refusal = decision;
    if (!this.isDecided) return;
    this.markSaved();
    this.#state = this.#refusal === null ? "synced" : "rejected";
    if (this.#refusal === null) this.#synced.resolve(this.#results);
    else this.#synced.reject(this.#refusal);
  }

  /** The store did not keep it, or the client was closed before it was done. */
  abandon(error: TidelockError): void {
    if (this.#state === "accepted") this.#state = "failed";
    this.#saved.reject(error);
    this.#synced.reject(error);
  }

  /** Nothing had to be written. */
  settleAtOnce(): void {
    this.#undecided = 1;
    this.decide(0, { outcome: "applied", id: this.ids[0] ?? "", conflicts: [] });
  }
}

/** The handle of a single write: the same, with its one entity and its one result. */
class SingleHandle implements Write {
  readonly #handle: Handle;
  #synced: Promise<WriteResult> | undefined;

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  get id(): string {
    return this.#handle.ids[0] ?? "";
  }
  get state(): WriteState {
    return this.#handle.state;
  }
  get saved(): Promise<void> {
    return this.#handle.saved;
  }
  get synced(): Promise<WriteResult> {
    if (this.#synced === undefined) {
      this.#synced = this.#handle.synced.then(([result]) => {
        if (result === undefined) throw new TidelockError("internal", "a write was decided without a result");
        return result;
      });
      this.#synced.catch(() => {});
    }
    return this.#synced;
  }
}

export interface WritesOptions {
  /** Gives the write to the replica, at once or as soon as the store is open. */
  readonly dispatch: (write: number, intents: readonly Intent[]) => void;
  readonly resolveId: (id: EntityId) => EntityId;
}

/** Which step of which write a mutation is. Its stamp names it even when the replica counts anew. */
interface Place {
  readonly write: number;
  readonly index: number;
  readonly stamp: Stamp;
}

/** The writes of this client that are not done. */
export class Writes {
  readonly #options: WritesOptions;
  readonly #open = new Map<number, Handle>();
  /** Writes whose mutations' counters have not been looked up: the newest ones, in order. */
  #unnumbered: number[] = [];
  #byCounter = new Map<Counter, Place>();
  #last = 0;

  constructor(options: WritesOptions) {
    this.#options = options;
  }

  /** A write of one step. An update that names no field is done at once. */
  single(intent: Intent): Write {
    const handle = new Handle([intent], this.#options.resolveId);
    if (intent.operation === "update" && Object.keys(intent.fields).length === 0) handle.settleAtOnce();
    else this.#start(handle, [intent]);
    return new SingleHandle(handle);
  }

  transaction(intents: readonly Intent[]): TransactionWrite {
    const handle = new Handle(intents, this.#options.resolveId);
    if (intents.length === 0) handle.settleAtOnce();
    else this.#start(handle, intents);
    return handle;
  }

  #start(handle: Handle, intents: readonly Intent[]): void {
    this.#last += 1;
    this.#open.set(this.#last, handle);
    this.#unnumbered.push(this.#last);
    this.#options.dispatch(this.#last, intents);
  }

  /**
   * Looks up the counters of the newest writes: theirs are the newest mutations of the outbox. To be called before any of
   * them can be decided, that is, whenever something was saved.
   */
  number(outbox: readonly StoredMutation[]): void {
    if (this.#unnumbered.length === 0) return;
    const steps = this.#unnumbered.flatMap((write) =>
      Array.from({ length: this.#open.get(write)?.steps ?? 0 }, (_, index) => ({ write, index })),
    );
    this.#unnumbered = [];
    const first = outbox.length - steps.length;
    for (const [position, step] of steps.entries()) {
      const mutation = outbox[first + position];
      if (mutation !== undefined) this.#byCounter.set(mutation.counter, { ...step, stamp: mutation.stamp });
    }
  }

  /** The replica has given its mutations other counters. */
  renumber(outbox: readonly StoredMutation[]): void {
    const byStamp = new Map([...this.#byCounter.values()].map((place) => [place.stamp, place]));
    this.#byCounter = new Map();
    for (const { counter, stamp } of outbox) {
      const place = byStamp.get(stamp);
      if (place !== undefined) this.#byCounter.set(counter, place);
    }
  }

  saved(write: number): void {
    this.#open.get(write)?.markSaved();
  }

  /** The replica took a write back. */
  failed(write: number, error: TidelockError): void {
    this.#open.get(write)?.abandon(error);
    this.#open.delete(write);
    this.#unnumbered = this.#unnumbered.filter((other) => other !== write);
  }

  decided(counter: Counter, outcome: Outcome, detail: ResultDetail): void {
    const place = this.#byCounter.get(counter);
    this.#byCounter.delete(counter);
    const handle = place === undefined ? undefined : this.#open.get(place.write);
    if (place === undefined || handle === undefined) return;
    const first = outcome === "duplicate" ? (detail.original ?? "applied") : outcome;
    if (outcome === "rejected" || first === "rejected") {
      handle.decide(place.index, new TidelockError(knownCode(detail.code ?? "internal"), detail.message ?? ""));
    } else {
      const id = detail.entity ?? handle.ids[place.index] ?? "";
      handle.decide(place.index, { outcome, id, conflicts: detail.conflicts ?? [] });
    }
    if (handle.isDecided) this.#open.delete(place.write);
  }

  /** Whatever is not done will not be told any more. */
  close(error: TidelockError = new TidelockError("client-closed")): void {
    for (const handle of this.#open.values()) handle.abandon(error);
    this.#open.clear();
    this.#unnumbered = [];
    this.#byCounter.clear();
  }
}
