/** The tab's own “offline”: kept for the tab, so that a reload does not connect behind its user's back. */
const KEY = "tidelock-board:offline";

export function isSwitchedOff(): boolean {
  return sessionStorage.getItem(KEY) !== null;
}

export function rememberSwitch(isOff: boolean): void {
  if (isOff) sessionStorage.setItem(KEY, "yes");
  else sessionStorage.removeItem(KEY);
}
