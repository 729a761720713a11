/**
 * What this page has decided, and what became of it. A decision is shown as soon as it is made and never called done before
 * the server has said so; one that the server refused is told with its reason, and the review is open again by itself.
 */
import type { Write } from "@tidelock/client";
import { type JsonValue, type Review, TidelockError } from "@tidelock/core";
import { type Choice, chosenValue, decisionOf, type Undo, undoOf } from "./choice.ts";

export interface OwnDecision {
  readonly key: number;
  /** The review as it was when it was decided. */
  readonly review: Review;
  readonly choice: Choice;
  readonly value: JsonValue;
  readonly at: number;
  /** `sent`: on its way, or waiting for a connection. */
  readonly state: "sent" | "done" | "refused";
  readonly refusal: TidelockError | null;
  readonly undo: Undo | null;
  /** `waiting`: it will be taken back as soon as the decision has arrived. */
  readonly undoState: "none" | "waiting" | "sent" | "done" | "refused";
}

/** The part of a client that is needed. */
export interface DecidingClient {
  decide(review: string, choice: ReturnType<typeof decisionOf>): Write;
  update(collection: string, id: string, values: Readonly<Record<string, JsonValue>>): Write;
  remove(collection: string, id: string): Write;
}

export interface DeskEvents {
  /** A decision was refused; the review is open again, unless somebody else has closed it. */
  readonly refused: (decision: OwnDecision, error: TidelockError) => void;
  readonly undone: (decision: OwnDecision, error: TidelockError | null) => void;
}

const MOST = 200;

export class DecisionDesk {
  readonly #client: DecidingClient;
  readonly #events: DeskEvents;
  readonly #now: () => number;
  readonly #listeners = new Set<() => void>();
  #list: readonly OwnDecision[] = [];
  #lastKey = 0;

  constructor(client: DecidingClient, events: DeskEvents, now: () => number = Date.now) {
    this.#client = client;
    this.#events = events;
    this.#now = now;
  }

  /** Newest first. */
  readonly get = (): readonly OwnDecision[] => this.#list;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** Throws `TidelockError` when the decision cannot stand: the value does not fit, the review is closed or gone. */
  decide(review: Review, choice: Choice): OwnDecision {
    const write = this.#client.decide(review.id, decisionOf(choice));
    this.#lastKey += 1;
    const key = this.#lastKey;
    const decision: OwnDecision = {
      key,
      review,
      choice,
      value: chosenValue(choice),
      at: this.#now(),
      state: "sent",
      refusal: null,
      undo: undoOf(review, choice),
      undoState: "none",
    };
    this.#set([decision, ...this.#list].slice(0, MOST));
    void this.#follow(key, write);
    return decision;
  }

  /** The last decision that can be taken back; `null` when there is none. */
  get undoable(): OwnDecision | null {
    return this.#list.find((decision) => canUndo(decision)) ?? null;
  }

  /** Takes a decision back: what was there before is written again, as a write of its own. */
  undo(key: number): void {
    const decision = this.#find(key);
    if (decision === undefined || !canUndo(decision)) return;
    // What is refused must not be taken back: so the decision is waited for.
    if (decision.state === "sent") this.#change(key, { undoState: "waiting" });
    else void this.#takeBack(decision);
  }

  async #follow(key: number, write: Write): Promise<void> {
    try {
      await write.synced;
      this.#change(key, { state: "done" });
      const decision = this.#find(key);
      if (decision?.undoState === "waiting") await this.#takeBack(decision);
    } catch (error) {
      const refusal = asTidelockError(error);
      if (refusal.code === "client-closed") return;
      this.#change(key, { state: "refused", refusal, undoState: "none" });
      const decision = this.#find(key);
      if (decision !== undefined) this.#events.refused(decision, refusal);
    }
  }

  async #takeBack({ key, review, undo }: OwnDecision): Promise<void> {
    if (undo === null) return;
    this.#change(key, { undoState: "sent" });
    let refusal: TidelockError | null = null;
    try {
      const { collection, entity } = review;
      const write =
        undo.kind === "write"
          ? this.#client.update(collection, entity, { [undo.field]: undo.value })
          : this.#client.remove(collection, entity);
      await write.synced;
    } catch (error) {
      refusal = asTidelockError(error);
    }
    if (refusal?.code === "client-closed") return;
    this.#change(key, { undoState: refusal === null ? "done" : "refused" });
    const decision = this.#find(key);
    if (decision !== undefined) this.#events.undone(decision, refusal);
  }

  #find(key: number): OwnDecision | undefined {
    return this.#list.find((decision) => decision.key === key);
  }

  #change(key: number, changes: Partial<OwnDecision>): void {
    this.#set(this.#list.map((decision) => (decision.key === key ? { ...decision, ...changes } : decision)));
  }

  #set(list: readonly OwnDecision[]): void {
    this.#list = list;
    for (const listener of this.#listeners) listener();
  }
}

export function canUndo({ undo, state, undoState }: OwnDecision): boolean {
  return undo !== null && state !== "refused" && undoState === "none";
}

export function asTidelockError(error: unknown): TidelockError {
  if (error instanceof TidelockError) return error;
  return new TidelockError("internal", error instanceof Error ? error.message : String(error));
}
