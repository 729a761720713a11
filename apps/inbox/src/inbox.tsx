/** The page of somebody who is signed in: list and review side by side. */
import { useReview } from "@tidelock/client/react";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { ActionsProvider, type Question, useMakeActions } from "./actions.ts";
import { type InboxState, StateProvider, useInboxState } from "./inbox-state.ts";
import { QueuePanel } from "./queue/queue-panel.tsx";
import { ReviewPanel } from "./review/review-panel.tsx";
import { useParts } from "./session/inbox-context.tsx";
import { SignedOut } from "./session/signed-out.tsx";
import { Announcer } from "./shell/announce.tsx";
import { ConfirmDialog } from "./shell/confirm-dialog.tsx";
import { ConnectionBanner } from "./shell/connection-banner.tsx";
import { isNarrow } from "./shell/focus.ts";
import { Header } from "./shell/header.tsx";
import { HelpDialog } from "./shell/help-dialog.tsx";
import { Toasts } from "./shell/toasts.tsx";
import { useKeys } from "./shell/use-keys.ts";

export function Inbox({ onSignOut }: { readonly onSignOut: () => void }): ReactNode {
  const { session } = useParts();
  const state = useInboxState();
  const [question, setQuestion] = useState<Question | null>(null);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const actions = useMakeActions(state, setQuestion);
  const { data: review } = useReview(state.route.review);
  const help = useCallback(() => setHelpOpen(true), []);
  useKeys({ actions, state, review, user: session.user, help });
  usePageTitle(state.queue.open.length);
  useFirstChoice(state);
  return (
    <StateProvider value={state}>
      <ActionsProvider value={actions}>
        <Header onHelp={help} onSignOut={onSignOut} />
        <ConnectionBanner />
        <SignedOut />
        <main className="page-body" data-showing={state.route.review === null ? "list" : "review"}>
          <QueuePanel />
          <ReviewPanel />
        </main>
        {isHelpOpen ? <HelpDialog onClose={() => setHelpOpen(false)} /> : null}
        {question === null ? null : <ConfirmDialog question={question} onClose={() => setQuestion(null)} />}
        <Toasts />
        <Announcer />
      </ActionsProvider>
    </StateProvider>
  );
}

/** Side by side, nothing is gained by an empty side: the first review is shown until somebody chooses. */
function useFirstChoice({ route, go, order, queue }: InboxState): void {
  const isDone = useRef(false);
  const first = order[0];
  useEffect(() => {
    if (isDone.current || queue.isLoading || (first === undefined && route.review === null)) return;
    isDone.current = true;
    if (route.review === null && first !== undefined && !isNarrow()) go({ tab: route.tab, review: first });
  }, [queue.isLoading, route, go, first]);
}

function usePageTitle(open: number): void {
  useEffect(() => {
    document.title = `${open === 0 ? "" : `(${open}) `}Review inbox · Tidelock`;
  }, [open]);
}
