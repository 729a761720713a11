/** The start of the page: takes the token out of the address, then renders. */
import "@fontsource-variable/figtree/wght.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/queue.css";
import "./styles/review.css";
import "./styles/contenders.css";
import "./styles/values.css";
import "./styles/dialogs.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { openingToken, tokenOf } from "./session/token.ts";
import { applySavedTheme } from "./shell/theme.tsx";

applySavedTheme();
const token = openingToken();
const root = document.querySelector("#root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App token={token} />
    </StrictMode>,
  );
}
// Somebody follows a link with another token while the page is open.
addEventListener("hashchange", () => {
  if (tokenOf(location.hash) === null) return;
  openingToken();
  location.reload();
});
