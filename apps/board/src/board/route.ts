/** The open card is part of the address (`#card/…`), so that it can be linked to and the back button closes it. */
import { useSyncExternalStore } from "react";

export function cardAddress(id: string): string {
  return `#card/${encodeURIComponent(id)}`;
}

export function openCard(id: string): void {
  location.hash = cardAddress(id);
}

export function closeCard(): void {
  history.pushState(null, "", location.pathname);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useOpenCard(): string | null {
  return useSyncExternalStore(subscribe, openedCard);
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  addEventListener("popstate", listener);
  return () => {
    removeEventListener("hashchange", listener);
    removeEventListener("popstate", listener);
  };
}

export function openedCard(): string | null {
  const [, id] = /^#card\/(.+)$/.exec(location.hash) ?? [];
  return id === undefined ? null : decodeURIComponent(id);
}
