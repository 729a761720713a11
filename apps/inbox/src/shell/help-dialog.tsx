/** The keys, and in two sentences what this page is. */
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { Dialog } from "./dialog.tsx";

const KEYS: ReadonlyArray<
  readonly [name: string, keys: ReadonlyArray<readonly [keys: readonly string[], what: string]>]
> = [
  [
    "Go",
    [
      [["J", "↓"], "next review"],
      [["K", "↑"], "previous review"],
      [["/"], "search"],
      [["Esc"], "back, or unmark all"],
    ],
  ],
  [
    "Decide",
    [
      [["1", "…", "9"], "pick a value"],
      [["E"], "write another value"],
      [["Enter"], "decide"],
      [["U"], "take the last decision back"],
    ],
  ],
  [
    "Look after",
    [
      [["A"], "assign to me, or back"],
      [["N"], "write a note"],
      [["X"], "mark the review"],
      [["Shift", "X"], "mark up to here"],
    ],
  ],
];

export function HelpDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  return (
    <Dialog className="help-dialog" labelledBy="help-title" onClose={onClose}>
      <form method="dialog" className="dialog-body">
        <header className="dialog-head">
          <h2 id="help-title">Deciding by keyboard</h2>
          <button className="icon-button" aria-label="Close" title="Close (Esc)">
            <X size={18} />
          </button>
        </header>
        <div className="help-groups">
          {KEYS.map(([name, keys]) => (
            <section key={name}>
              <h3>{name}</h3>
              <dl>
                {keys.map(([names, what]) => (
                  <div key={what}>
                    <dt>{names.map((key) => (key === "…" ? <span key={key}>…</span> : <kbd key={key}>{key}</kbd>))}</dt>
                    <dd>{what}</dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
        </div>
        <p className="help-text">
          A review holds values that people wrote without having seen each other's. The first one stands until somebody
          decides; what is not chosen stays in the record and can be written again.
        </p>
      </form>
    </Dialog>
  );
}
