/** From a token to the inbox: signed out, opening, failed, or open. */
import { TidelockProvider } from "@tidelock/client/react";
import { type ReactNode, useEffect, useState } from "react";
import { DecisionDesk, type OwnDecision } from "./decisions/decision-desk.ts";
import { Notices } from "./decisions/notices.ts";
import { arrivalWords, outcomeWords } from "./decisions/outcome-words.ts";
import { refusalNotice } from "./decisions/refusals.ts";
import { Inbox } from "./inbox.tsx";
import { Names, peopleSource } from "./people/names.ts";
import { collectionOf, InboxProvider, type InboxParts } from "./session/inbox-context.tsx";
import { type InboxSession, type OpeningProblem, openSession } from "./session/open-session.ts";
import { SignIn } from "./session/sign-in.tsx";
import { forgetToken, keepToken } from "./session/token.ts";
import { routeAddress } from "./shell/route.ts";
import { entityTitle, sentence } from "./value/names.ts";

type Stage =
  | { readonly kind: "signed-out"; readonly problem: OpeningProblem | null; readonly token: string | null }
  | { readonly kind: "opening"; readonly token: string }
  | { readonly kind: "open"; readonly parts: InboxParts };

export function App({ token }: { readonly token: string | null }): ReactNode {
  const [stage, setStage] = useState<Stage>(
    token === null ? { kind: "signed-out", problem: null, token: null } : { kind: "opening", token },
  );
  const opening = stage.kind === "opening" ? stage.token : null;
  useEffect(() => {
    if (opening === null) return undefined;
    let isWanted = true;
    const open = async (): Promise<void> => {
      const outcome = await openSession(opening);
      if (!isWanted) {
        if (outcome.kind === "opened") await outcome.session.client.close();
        return;
      }
      if (outcome.kind === "failed") {
        if (outcome.problem.isAboutToken) forgetToken();
        setStage({ kind: "signed-out", problem: outcome.problem, token: opening });
      } else {
        keepToken(opening);
        setStage({ kind: "open", parts: makeParts(outcome.session) });
      }
    };
    void open();
    return () => {
      isWanted = false;
    };
  }, [opening]);

  if (stage.kind !== "open") {
    return (
      <SignIn
        problem={stage.kind === "signed-out" ? stage.problem : null}
        isOpening={stage.kind === "opening"}
        known={stage.token}
        onToken={(next) => setStage({ kind: "opening", token: next })}
      />
    );
  }
  const { parts } = stage;
  const signOut = (): void => {
    forgetToken();
    void parts.session.client.close();
    setStage({ kind: "signed-out", problem: null, token: null });
  };
  return (
    <TidelockProvider client={parts.session.client}>
      <InboxProvider value={parts}>
        <Inbox onSignOut={signOut} />
      </InboxProvider>
    </TidelockProvider>
  );
}

/** Everything that lives as long as the session, and listens to its client. */
function makeParts(session: InboxSession): InboxParts {
  const { client, schema, user } = session;
  const notices = new Notices();
  const names = new Names(user, peopleSource(schema), (collection, id) => known(session, collection).entity(id));
  const desk = new DecisionDesk(
    {
      decide: (review, decision) => client.conflicts.decide(review, decision),
      update: (collection, id, values) => known(session, collection).update(id, values),
      remove: (collection, id) => known(session, collection).delete(id),
    },
    {
      refused: (decision, error) => {
        const look = { label: "Look", run: () => void (location.hash = routeAddress(placeOf(decision, error.code))) };
        const notice = refusalNotice(error);
        notices.drop("decided");
        const text = meanwhile(session, names, decision) ?? notice.text;
        notices.add({ ...notice, text, topic: `refused ${decision.review.id}`, actions: [look] });
      },
      undone: (decision, error) => {
        const text = titleOf(session, decision);
        if (error === null) notices.add({ tone: "good", title: "Taken back", text, topic: "decided" });
        else notices.add({ ...refusalNotice(error), title: "It could not be taken back" });
      },
    },
  );
  // What is refused has been said: there is nothing to try again, because the review itself is open again.
  client.on("rejected", ({ counter }) => queueMicrotask(() => client.rejected.discard(counter)));
  client.on("trouble", ({ code, message }) => {
    // The connection and the token have a place of their own on the page.
    if (["server-unreachable", "token-expired", "token-invalid", "token-missing", "forbidden"].includes(code)) return;
    notices.add({ tone: "problem", title: "Something failed", text: message, topic: code });
  });
  addEventListener("beforeunload", (event) => {
    if (client.status.value.pendingCount > 0) event.preventDefault();
  });
  return { session, desk, notices, names };
}

function known(session: InboxSession, name: string): NonNullable<ReturnType<typeof collectionOf>> {
  const collection = collectionOf(session, name);
  if (collection === null) throw new Error(`The schema has no collection ${name}.`);
  return collection;
}

/** What others did that came in the way of a decision, as far as it is here; `null` when only the server knows. */
function meanwhile({ client, schema }: InboxSession, names: Names, { review, refusal }: OwnDecision): string | null {
  const now = client.conflicts.reviews.get(review.id);
  if (now === undefined) return null;
  const field = schema.collections.get(review.collection)?.byName.get(review.field ?? "");
  const teller = { field, who: (user: string | null) => (user === names.me ? "You" : names.of(user)) };
  const words =
    refusal?.code === "review-closed"
      ? outcomeWords(now, teller)
      : refusal?.code === "review-changed"
        ? arrivalWords(now, review, teller)
        : null;
  return words === null ? null : sentence(words);
}

function titleOf({ schema }: InboxSession, { review }: OwnDecision): string {
  return entityTitle(schema.collections.get(review.collection), review.row);
}

function placeOf({ review }: OwnDecision, code: string): Parameters<typeof routeAddress>[0] {
  return { tab: code === "review-closed" ? "decided" : "open", review: review.id };
}
