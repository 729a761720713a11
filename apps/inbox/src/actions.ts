/** What can be done on the page, for buttons and keys alike. */
import type { ReviewNotes, Write } from "@tidelock/client";
import type { Review } from "@tidelock/core";
import { createContext, useContext, useLayoutEffect, useState } from "react";
import { bulkChoices, type BulkKind, bulkSentence } from "./decisions/bulk.ts";
import { type Choice, effectOf, effectWords } from "./decisions/choice.ts";
import { asTidelockError } from "./decisions/decision-desk.ts";
import { choiceOf, NO_DRAFT } from "./decisions/drafts.ts";
import { type InboxState, markedReviews } from "./inbox-state.ts";
import { markedTo, NOTHING_MARKED, toggled } from "./queue/marking.ts";
import { refusalNotice } from "./decisions/refusals.ts";
import { type InboxParts, useFieldOf, useParts, useTelling, useTitleOf } from "./session/inbox-context.tsx";
import { announce } from "./shell/announce.tsx";
import { focusRow, focusTitle, isNarrow } from "./shell/focus.ts";
import { inputOf, isEditable } from "./value/editing.ts";
import { readable } from "./value/names.ts";

/** Something that a person has to say yes to. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly confirm: string;
  readonly isDangerous: boolean;
  readonly run: () => void;
}

export interface Actions {
  select(review: string, how?: "row" | "review"): void;
  move(steps: number): void;
  back(): void;
  pick(review: Review, number: number): void;
  edit(review: Review): void;
  /** Decides what was chosen; says why when it cannot. */
  decide(review: Review): void;
  annotate(review: Review, notes: ReviewNotes): void;
  /** To the user of this page, or away from them. */
  assignToMe(review: Review): void;
  undo(key?: number): void;
  toggleMark(id: string): void;
  markTo(id: string): void;
  clearMarks(): void;
  decideMarked(kind: BulkKind): void;
  assignMarked(assignee: string | null): void;
  /** Writes a value that was set aside again, after the review was closed. */
  writeAgain(review: Review, value: Review["candidates"][number]["value"]): void;
}

const Context = createContext<Actions | null>(null);
export const ActionsProvider = Context.Provider;

export function useActions(): Actions {
  const actions = useContext(Context);
  if (actions === null) throw new Error("The inbox has no actions here.");
  return actions;
}

interface Makings {
  readonly parts: InboxParts;
  readonly state: InboxState;
  readonly fieldOf: ReturnType<typeof useFieldOf>;
  readonly titleOf: ReturnType<typeof useTitleOf>;
  readonly telling: ReturnType<typeof useTelling>;
  readonly ask: (question: Question) => void;
}

/** One object for as long as the page is open, so that rows need not be rendered again whenever something is chosen. */
export function useMakeActions(state: InboxState, ask: (question: Question) => void): Actions {
  const parts = useParts();
  const fieldOf = useFieldOf();
  const titleOf = useTitleOf();
  const telling = useTelling();
  const makings = { parts, state, fieldOf, titleOf, telling, ask };
  const [latest] = useState(() => new Latest(makings));
  useLayoutEffect(() => latest.set(makings));
  return latest.actions;
}

/** What was there when the page was rendered last. */
class Latest {
  readonly actions: Actions = forwarding(() => this.#makings);
  #makings: Makings;

  constructor(makings: Makings) {
    this.#makings = makings;
  }

  set(makings: Makings): void {
    this.#makings = makings;
  }
}

/** Does everything with what is there at that moment. */
function forwarding(now: () => Makings): Actions {
  return {
    select: (...given) => navigation(now()).select(...given),
    move: (...given) => navigation(now()).move(...given),
    back: () => navigation(now()).back(),
    pick: (...given) => choosing(now()).pick(...given),
    edit: (...given) => choosing(now()).edit(...given),
    decide: (...given) => choosing(now()).decide(...given),
    undo: (...given) => choosing(now()).undo(...given),
    writeAgain: (...given) => choosing(now()).writeAgain(...given),
    annotate: (...given) => notes(now()).annotate(...given),
    assignToMe: (...given) => notes(now()).assignToMe(...given),
    toggleMark: (...given) => bulk(now()).toggleMark(...given),
    markTo: (...given) => bulk(now()).markTo(...given),
    clearMarks: () => bulk(now()).clearMarks(),
    decideMarked: (...given) => bulk(now()).decideMarked(...given),
    assignMarked: (...given) => bulk(now()).assignMarked(...given),
  };
}

function navigation({ state }: Makings): Pick<Actions, "select" | "move" | "back"> {
  const { route, go, neighbour } = state;
  const select = (review: string, how: "row" | "review" = "row"): void => {
    go({ tab: route.tab, review }, isNarrow() && route.review === null ? "push" : "replace");
    if (isNarrow() || how === "review") focusTitle();
    else focusRow(review);
  };
  return {
    select,
    move(steps) {
      const next = neighbour(steps);
      if (next !== null) select(next);
    },
    back() {
      const { review } = route;
      go({ tab: route.tab, review: null });
      if (review !== null) focusRow(review);
    },
  };
}

function choosing(makings: Makings): Pick<Actions, "pick" | "edit" | "decide" | "undo" | "writeAgain"> {
  const { parts, state, fieldOf, titleOf, telling, ask } = makings;
  const { desk, session, notices } = parts;
  const carryOut = (review: Review, choice: Choice): void => {
    const next = state.neighbour(1) ?? state.neighbour(-1);
    const decision = attempt(parts, () => desk.decide(review, choice));
    if (decision === null) return;
    const words = effectWords(review, choice, telling(review));
    const undo = decision.undo === null ? [] : [{ label: "Undo (u)", run: () => desk.undo(decision.key) }];
    const { isConnected } = session.client.connection.value;
    notices.add({
      tone: isConnected ? "good" : "waiting",
      title: words,
      text: isConnected ? titleOf(review) : `${titleOf(review)} · sent when the connection is back`,
      actions: undo,
      topic: "decided",
    });
    state.setDraft(review.id, NO_DRAFT);
    const goesOn = next !== null && next !== review.id && state.route.tab === "open";
    state.go({ tab: state.route.tab, review: goesOn ? next : null });
    announce(`${words}.`);
    if (!goesOn) return;
    if (isNarrow()) focusTitle();
    else focusRow(next);
  };
  return {
    pick(review, number) {
      const candidate = review.candidates[number - 1];
      if (review.status !== "open" || candidate === undefined) return;
      state.setDraft(review.id, { kind: "pick", candidate: candidate.id });
    },
    edit(review) {
      const field = fieldOf(review);
      if (review.status !== "open" || field === undefined || !isEditable(field)) return;
      const draft = state.draftFor(review.id);
      if (draft.kind === "edit") return;
      const choice = choiceOf(draft, review, field);
      const from = choice?.kind === "pick" ? choice.candidate : review.candidates[0];
      state.setDraft(review.id, { kind: "edit", input: inputOf(field, from?.value ?? null) });
    },
    decide(review) {
      const choice = choiceOf(state.draftFor(review.id), review, fieldOf(review));
      if (review.status !== "open") return;
      if (choice === null) return announce("Nothing is chosen yet: press 1 to 9, or E for another value.");
      if (effectOf(review, choice) !== "delete") return carryOut(review, choice);
      ask({
        title: `Delete “${titleOf(review)}”?`,
        text: "Deleted ids are not used again, so this cannot be undone. The record of the decision keeps what was there.",
        confirm: "Delete",
        isDangerous: true,
        run: () => carryOut(review, choice),
      });
    },
    undo(key = desk.undoable?.key) {
      if (key === undefined) return announce("There is nothing to take back.");
      desk.undo(key);
    },
    writeAgain(review, value) {
      const { collection, entity, field } = review;
      if (field === null) return;
      const words = `${readable(field)} is written again`;
      const client = session.client as unknown as Readonly<Record<string, UpdatingCollection>>;
      const write = attempt(parts, () => client[collection]?.update(entity, { [field]: value }) ?? null);
      if (write === null) return;
      notices.add({ tone: "good", title: words, text: titleOf(review), topic: "decided" });
      follow(parts, write, words);
    },
  };
}

interface UpdatingCollection {
  update(id: string, values: Readonly<Record<string, unknown>>): Write;
}

function notes({ parts }: Makings): Pick<Actions, "annotate" | "assignToMe"> {
  const { client, user } = parts.session;
  const annotate = (review: Review, changes: ReviewNotes): void => {
    const write = attempt(parts, () => client.conflicts.annotate(review.id, changes));
    if (write !== null) follow(parts, write, "The review was not changed");
  };
  return {
    annotate,
    assignToMe: (review) => annotate(review, { assignee: review.assignee === user ? null : user }),
  };
}

function bulk({
  parts,
  state,
  ask,
}: Makings): Pick<Actions, "toggleMark" | "markTo" | "clearMarks" | "decideMarked" | "assignMarked"> {
  const { desk, notices, session } = parts;
  const { marking, setMarking, order } = state;
  return {
    toggleMark: (id) => setMarking(toggled(marking, id)),
    markTo: (id) => setMarking(markedTo(marking, id, order)),
    clearMarks: () => setMarking(NOTHING_MARKED),
    decideMarked(kind) {
      const reviews = markedReviews(state);
      if (reviews.length === 0) return;
      const choices = bulkChoices(reviews, kind);
      const run = (): void => {
        const decided = choices.map(({ review, choice }) => attempt(parts, () => desk.decide(review, choice)));
        const keys = decided.flatMap((each) => (each === null || each.undo === null ? [] : [each.key]));
        const count = decided.filter((each) => each !== null).length;
        const title = `${count} ${count === 1 ? "review is" : "reviews are"} decided`;
        const undo = { label: "Undo", run: () => keys.forEach((key) => desk.undo(key)) };
        notices.add({ tone: "good", title, actions: keys.length === 0 ? [] : [undo], topic: "decided" });
        announce(`${title}.`);
        setMarking(NOTHING_MARKED);
        if (state.route.review !== null && marking.ids.has(state.route.review)) state.go({ tab: "open", review: null });
      };
      ask({ ...bulkSentence(choices, kind), run });
    },
    assignMarked(assignee) {
      for (const review of markedReviews(state)) {
        const write = attempt(parts, () => session.client.conflicts.annotate(review.id, { assignee }));
        if (write !== null) follow(parts, write, "The review was not changed");
      }
      announce(`${marking.ids.size} assigned.`);
    },
  };
}

/** Does something that may be refused at once; says so, and answers `null`, when it is. */
function attempt<Result>({ notices }: InboxParts, run: () => Result): Result | null {
  try {
    return run();
  } catch (error) {
    notices.add(refusalNotice(asTidelockError(error)));
    return null;
  }
}

/** Says so when a write is refused later. */
function follow({ notices }: InboxParts, write: Write, title: string): void {
  write.synced.catch((error: unknown) => {
    const refusal = asTidelockError(error);
    if (refusal.code !== "client-closed") notices.add({ ...refusalNotice(refusal), title });
  });
}
