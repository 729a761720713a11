/**
 * Where one is, in the fragment of the address, so that the browser's way back works, and a review can be sent to a
 * colleague as a link: `#/open/review:…`, `#/decided`.
 */
import { useCallback, useSyncExternalStore } from "react";

export interface Route {
  readonly tab: "open" | "decided";
  readonly review: string | null;
}

export function parseRoute(fragment: string): Route {
  const [, tab = "", id = ""] = /^#\/(open|decided)(?:\/(.+))?$/.exec(fragment) ?? [];
  return { tab: tab === "decided" ? "decided" : "open", review: id === "" ? null : decoded(id) };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

export function routeAddress({ tab, review }: Route): string {
  return review === null ? `#/${tab}` : `#/${tab}/${encodeURIComponent(review).replaceAll("%3A", ":")}`;
}

/** `replace`: as if one had been there all along, for steps that nobody wants to go back through. */
export type Go = (route: Route, how?: "push" | "replace") => void;

export function useRoute(): readonly [Route, Go] {
  const fragment = useSyncExternalStore(subscribe, () => location.hash);
  const go = useCallback<Go>((next, how = "replace") => {
    const address = routeAddress(next);
    if (address === location.hash) return;
    if (how === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    for (const listener of listeners) listener();
  }, []);
  return [parseRoute(fragment), go];
}

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("hashchange", listener);
  addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("hashchange", listener);
    removeEventListener("popstate", listener);
  };
}
