/** The first thing that somebody without a token sees; and what went wrong with the one that they had. */
import { KeyRound, LoaderCircle } from "lucide-react";
import { type ReactNode, useState } from "react";
import { CalmSea } from "../shell/calm.tsx";
import { Mark } from "../shell/mark.tsx";
import { sentence } from "../value/names.ts";
import type { OpeningProblem } from "./open-session.ts";

interface SignInProps {
  readonly problem: OpeningProblem | null;
  readonly isOpening: boolean;
  /** The token that was tried last. */
  readonly known: string | null;
  readonly onToken: (token: string) => void;
}

export function SignIn({ problem, isOpening, known, onToken }: SignInProps): ReactNode {
  const isAboutServer = problem !== null && !problem.isAboutToken && known !== null;
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <Mark size={44} />
        <h1>Review inbox</h1>
        {isAboutServer ? (
          <>
            <p className="is-soft" role="alert">
              {sentence(problem.message)}
            </p>
            <button
              type="button"
              className="button is-primary is-large"
              disabled={isOpening}
              autoFocus
              onClick={() => onToken(known)}
            >
              Try again
            </button>
          </>
        ) : (
          <>
            <p className="is-soft">
              Where people decide what no rule should. Bring the token that your application signs in with.
            </p>
            <TokenForm
              problem={problem?.message ?? null}
              isBusy={isOpening}
              button="Open the inbox"
              onToken={onToken}
            />
          </>
        )}
        <CalmSea />
      </div>
    </main>
  );
}

interface TokenFormProps {
  readonly problem: string | null;
  readonly isBusy: boolean;
  readonly button: string;
  readonly onToken: (token: string) => void;
}

export function TokenForm({ problem, isBusy, button, onToken }: TokenFormProps): ReactNode {
  const [text, setText] = useState("");
  const token = text.trim().replace(/^Bearer\s+/i, "");
  return (
    <form
      className="token-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (token !== "") onToken(token);
      }}
    >
      <label className="token-field">
        <KeyRound size={16} aria-hidden="true" />
        {/* A password field: a token is nothing to be seen over a shoulder, or to be spell-checked by somebody's server. */}
        <input
          type="password"
          aria-label="Token"
          placeholder="Token"
          autoComplete="off"
          spellCheck={false}
          autoFocus
          aria-invalid={problem !== null}
          aria-describedby={problem === null ? undefined : "token-problem"}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </label>
      {problem === null ? null : (
        <p id="token-problem" className="token-problem" role="alert">
          {sentence(problem)}
        </p>
      )}
      <button type="submit" className="button is-primary is-large" disabled={token === "" || isBusy}>
        {isBusy ? <LoaderCircle size={16} className="is-turning" aria-label="Opening" /> : button}
      </button>
      <p className="token-hint">
        It stays in this tab and goes to this server only. Links can bring one along: <code>#token=…</code>
      </p>
    </form>
  );
}
