/** Over the page when the server no longer takes the token: what was decided stays, and goes on with a new one. */
import { useConnection, useSyncStatus } from "@tidelock/client/react";
import { KeyRound } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Dialog } from "../shell/dialog.tsx";
import { useParts } from "./inbox-context.tsx";
import { TokenForm } from "./sign-in.tsx";

export function SignedOut(): ReactNode {
  const { phase } = useConnection();
  const [isDismissed, setDismissed] = useState(false);
  if (phase !== "needs-auth") {
    if (isDismissed) setDismissed(false);
    return null;
  }
  if (!isDismissed) return <SignInAgain onClose={() => setDismissed(true)} />;
  return (
    <p className="banner" role="status" data-tone="problem">
      <KeyRound size={16} aria-hidden="true" />
      <span>
        <strong>Signed out.</strong> What you decide is kept in this tab until there is a token again.
      </span>
      <button type="button" className="link-button" onClick={() => setDismissed(false)}>
        Bring a token
      </button>
    </p>
  );
}

function SignInAgain({ onClose }: { readonly onClose: () => void }): ReactNode {
  const { session } = useParts();
  const { pendingCount } = useSyncStatus();
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const renew = async (token: string): Promise<void> => {
    setBusy(true);
    setProblem(await session.renew(token));
    setBusy(false);
  };
  const unsent =
    pendingCount === 1
      ? "1 change that was not sent is kept. "
      : `${pendingCount} changes that were not sent are kept. `;
  return (
    <Dialog className="signed-out" labelledBy="signed-out-title" onClose={onClose}>
      <div className="dialog-body">
        <h2 id="signed-out-title">Your token is no longer taken</h2>
        <p className="is-soft">
          {pendingCount === 0 ? "" : unsent}Bring a new one, and everything goes on where it was.
        </p>
        <TokenForm problem={problem} isBusy={isBusy} button="Go on" onToken={(token) => void renew(token)} />
      </div>
    </Dialog>
  );
}
