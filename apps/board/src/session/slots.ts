/**
 * Slots: each open tab of a browser has a device and a database of its own, numbered from 0. A tab holds its slot by a Web
 * Lock, so the browser gives it back whenever and however the tab ends. After a reload a tab takes the slot that it had.
 */
export interface Slot {
  readonly number: number;
  /** The name of its database. */
  readonly store: string;
  release(): void;
}

const REMEMBERED = "tidelock-board:slot";
/** The page before a reload may take a moment to let go. */
const RELOAD_PATIENCE_MS = 1500;

/** The slot that this tab had, or else the lowest free one. */
export async function claimSlot(): Promise<Slot> {
  const remembered = rememberedSlot();
  const own = remembered === null ? null : await claim(remembered, wasReloaded() ? RELOAD_PATIENCE_MS : 0);
  const slot = own ?? (await lowestFree());
  sessionStorage.setItem(REMEMBERED, String(slot.number));
  return slot;
}

/** A slot that no other tab has; `null` when one has it. */
export async function claimIfFree(number: number): Promise<Slot | null> {
  return claim(number, 0);
}

async function lowestFree(): Promise<Slot> {
  for (let number = 0; ; number++) {
    const slot = await claim(number, 0);
    if (slot !== null) return slot;
  }
}

function claim(number: number, patienceMs: number): Promise<Slot | null> {
  const store = `tidelock-board:${number}`;
  const options = patienceMs === 0 ? { ifAvailable: true } : { signal: AbortSignal.timeout(patienceMs) };
  return new Promise((resolve) => {
    const hold = (lock: Lock | null): Promise<void> | undefined => {
      if (lock !== null) return new Promise<void>((release) => resolve({ number, store, release }));
      resolve(null);
      return undefined;
    };
    navigator.locks.request(store, options, hold).catch(() => resolve(null));
  });
}

function rememberedSlot(): number | null {
  const text = sessionStorage.getItem(REMEMBERED);
  const number = text === null ? Number.NaN : Number(text);
  return Number.isSafeInteger(number) && number >= 0 ? number : null;
}

function wasReloaded(): boolean {
  const [navigation] = performance.getEntriesByType("navigation");
  return navigation instanceof PerformanceNavigationTiming && navigation.type !== "navigate";
}
