/** Any live value of a client, as the component's own: it renders again when the value has changed. */
import { useCallback, useSyncExternalStore } from "react";
import type { Live } from "../api/client.ts";

/** The value of `live`, or `otherwise` while there is none. Both must be the same object while nothing has changed. */
export function useLive<Value>(live: Live<Value>): Value;
export function useLive<Value>(live: Live<Value> | null, otherwise: Value): Value;
export function useLive<Value>(live: Live<Value> | null, otherwise?: Value): Value {
  const subscribe = useCallback((changed: () => void) => live?.subscribe(changed) ?? noSubscription, [live]);
  // By the overloads, `otherwise` is given wherever `live` may be null.
  const read = (): Value => (live === null ? (otherwise as Value) : live.value);
  return useSyncExternalStore(subscribe, read, read);
}

function noSubscription(): void {}
