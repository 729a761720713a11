/** Asks before something that is large, or cannot be undone. */
import type { ReactNode } from "react";
import type { Question } from "../actions.ts";
import { Dialog } from "./dialog.tsx";

interface ConfirmDialogProps {
  readonly question: Question;
  readonly onClose: () => void;
}

export function ConfirmDialog({ question, onClose }: ConfirmDialogProps): ReactNode {
  const { title, text, confirm, isDangerous, run } = question;
  return (
    <Dialog className="confirm-dialog" labelledBy="confirm-title" onClose={onClose}>
      <form
        method="dialog"
        className="dialog-body"
        onSubmit={(event) => {
          const { submitter } = event.nativeEvent as SubmitEvent;
          if (submitter instanceof HTMLButtonElement && submitter.value === "yes") run();
        }}
      >
        <h2 id="confirm-title" dir="auto">
          {title}
        </h2>
        <p className="is-soft">{text}</p>
        <div className="dialog-actions">
          <button className="button" value="no">
            Cancel
          </button>
          {/* The answer that most will give has the focus; what cannot be undone has it not. */}
          <button
            className={`button ${isDangerous ? "is-danger" : "is-primary"}`}
            value="yes"
            data-first={isDangerous ? undefined : ""}
          >
            {confirm}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
