import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Write, WriteResult } from "@tidelock/client";
import { TidelockError } from "@tidelock/core";
import { sampleReview } from "../queue/review.fixture.ts";
import type { Choice } from "./choice.ts";
import { DecisionDesk, type OwnDecision } from "./decision-desk.ts";

/** A client whose writes are settled by hand. */
class Stage {
  readonly calls: string[] = [];
  readonly told: string[] = [];
  readonly #settle: Array<(error: TidelockError | null) => void> = [];
  readonly desk = new DecisionDesk(
    {
      decide: (review, decision) => this.#write(`decide ${review} ${JSON.stringify(decision)}`),
      update: (collection, id, values) => this.#write(`update ${collection} ${id} ${JSON.stringify(values)}`),
      remove: (collection, id) => this.#write(`remove ${collection} ${id}`),
    },
    {
      refused: (_decision, error) => this.told.push(`refused ${error.code}`),
      undone: (_decision, error) => this.told.push(`undone ${error?.code ?? "well"}`),
    },
    () => 5,
  );

  /** Settles the oldest write that is open. */
  async settle(error: TidelockError | null = null): Promise<void> {
    this.#settle.shift()?.(error);
    await new Promise((turn) => setImmediate(turn));
  }

  get last(): OwnDecision {
    return this.desk.get()[0]!;
  }

  #write(call: string): Write {
    this.calls.push(call);
    const { promise, resolve, reject } = Promise.withResolvers<WriteResult>();
    this.#settle.push((error) =>
      error === null ? resolve({ outcome: "applied", id: "x", conflicts: [] }) : reject(error),
    );
    return { id: "x", state: "accepted", saved: Promise.resolve(), synced: promise };
  }
}

const review = sampleReview({ id: "r" });
const change: Choice = { kind: "pick", candidate: review.candidates[1]! };
const keep: Choice = { kind: "pick", candidate: review.candidates[0]! };

describe("the desk", () => {
  test("calls a decision done when the server has said so, and not before", async () => {
    const stage = new Stage();
    stage.desk.decide(review, change);
    assert.deepEqual(stage.calls, ['decide r {"candidate":"tomas-tablet:1"}']);
    assert.equal(stage.last.state, "sent");
    await stage.settle();
    assert.equal(stage.last.state, "done");
    assert.deepEqual(stage.told, []);
  });

  test("tells of a refusal once, with its reason", async () => {
    const stage = new Stage();
    stage.desk.decide(review, change);
    await stage.settle(new TidelockError("review-closed", "bo was first"));
    assert.equal(stage.last.state, "refused");
    assert.equal(stage.last.refusal?.detail, "bo was first");
    assert.deepEqual(stage.told, ["refused review-closed"]);
    assert.equal(stage.desk.undoable, null, "there is nothing to take back");
  });

  test("takes a decision back with a write of its own", async () => {
    const stage = new Stage();
    stage.desk.decide(review, change);
    await stage.settle();
    stage.desk.undo(stage.last.key);
    assert.equal(stage.calls[1], 'update fares day {"price":26}');
    assert.equal(stage.last.undoState, "sent");
    await stage.settle();
    assert.equal(stage.last.undoState, "done");
    assert.deepEqual(stage.told, ["undone well"]);
  });

  test("waits with taking back until the decision has arrived: one that is refused is not taken back", async () => {
    const stage = new Stage();
    stage.desk.decide(review, change);
    stage.desk.undo(stage.last.key);
    assert.equal(stage.last.undoState, "waiting");
    assert.equal(stage.calls.length, 1);
    await stage.settle();
    assert.equal(stage.calls.length, 2);

    const other = new Stage();
    other.desk.decide(review, change);
    other.desk.undo(other.last.key);
    await other.settle(new TidelockError("review-closed"));
    assert.equal(other.calls.length, 1);
    assert.equal(other.last.undoState, "none");
  });

  test("takes nothing back twice, and nothing that changed nothing", async () => {
    const stage = new Stage();
    stage.desk.decide(review, keep);
    await stage.settle();
    assert.equal(stage.desk.undoable, null);
    stage.desk.decide(review, change);
    await stage.settle();
    const { key } = stage.last;
    stage.desk.undo(key);
    stage.desk.undo(key);
    assert.equal(stage.calls.filter((call) => call.startsWith("update")).length, 1);
    assert.equal(stage.desk.undoable, null);
  });

  test("says so when taking back is refused", async () => {
    const stage = new Stage();
    stage.desk.decide(review, change);
    await stage.settle();
    stage.desk.undo(stage.last.key);
    await stage.settle(new TidelockError("forbidden"));
    assert.deepEqual(stage.told, ["undone forbidden"]);
    assert.equal(stage.last.undoState, "refused");
  });

  test("says nothing when the page is left", async () => {
    const stage = new Stage();
    stage.desk.decide(review, change);
    await stage.settle(new TidelockError("client-closed"));
    assert.deepEqual(stage.told, []);
    assert.equal(stage.last.state, "sent");
  });
});
