/**
 * The token: from the address's fragment, which browsers never send, or typed in. It is taken out of the address at once,
 * so that it is not in the history, in a bookmark or on a screen that is shared, and it is kept for this tab only.
 */
const KEY = "tidelock-inbox:token";

/** The token of the address, or else the one that this tab has. */
export function openingToken(): string | null {
  const given = tokenOf(location.hash);
  if (given === null) return sessionStorage.getItem(KEY);
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname + location.search);
  return given;
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}

/** `#token=…`, also among other parameters. */
export function tokenOf(fragment: string): string | null {
  const token = new URLSearchParams(fragment.replace(/^#/, "")).get("token")?.trim() ?? "";
  return token === "" ? null : token;
}
