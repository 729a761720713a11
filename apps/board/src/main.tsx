/** The start of the page: claims the tab's slot, then renders. */
import "@fontsource-variable/figtree/wght.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/header.css";
import "./styles/board.css";
import "./styles/card.css";
import "./styles/dialog.css";
import "./styles/drawer.css";
import "./styles/review.css";
import "./styles/checklist.css";
import "./styles/history.css";
import "./styles/toasts.css";
import "./styles/presence.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App, openBoard } from "./app.tsx";
import { claimSlot } from "./session/slots.ts";
import { applySavedTheme } from "./shell/theme.tsx";

applySavedTheme();
// Without it, the board works all the same, but cannot be opened while its server is away.
if (import.meta.env.PROD) void navigator.serviceWorker?.register("/service-worker.js").catch(() => undefined);
const slot = await claimSlot();
const known = openBoard(slot);
const root = document.querySelector("#root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App slot={slot} known={known} />
    </StrictMode>,
  );
}
