/**
 * A card's history as the server's log has it, read page by page, and again whenever something happens to the card. It is
 * not kept on the device: without a connection there is what was read last, or nothing.
 */
import type { HistoryEntry, HistoryPage } from "@tidelock/client";
import { useConnection } from "@tidelock/client/react";
import { useEffect, useState, useSyncExternalStore } from "react";
import { useSession } from "../session/board-session.tsx";

export interface CardHistory {
  /** Newest first; `null` while nothing has been read. */
  readonly entries: readonly HistoryEntry[] | null;
  /** Where to go on reading; `null` when there is nothing older. */
  readonly next: string | null;
  /** Whether the log still has everything from the beginning. */
  readonly isComplete: boolean;
  readonly isReading: boolean;
  readonly problem: string | null;
}

const PAGE = 30;
const NOTHING: CardHistory = { entries: null, next: null, isComplete: true, isReading: false, problem: null };

type ReadPage = (before: string | null, limit: number) => Promise<HistoryPage>;

class HistoryReader {
  readonly #readPage: ReadPage;
  readonly #listeners = new Set<() => void>();
  #value = NOTHING;
  /** Answers to anything but the last question come too late. */
  #question = 0;
  #version: object | null = null;

  constructor(readPage: ReadPage) {
    this.#readPage = readPage;
  }

  readonly get = (): CardHistory => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** What has come since; what was read before stays. Nothing is read twice for the same version of the card. */
  async readNewest(version: object): Promise<void> {
    if (version === this.#version) return;
    this.#version = version;
    await this.#read(null, ({ items, next, isComplete }) => {
      const oldest = items.at(-1)?.offset ?? 0;
      const older = (this.#value.entries ?? []).filter(({ offset }) => offset < oldest);
      const last = older.length === 0 ? { next, isComplete } : {};
      return { ...this.#value, ...last, entries: [...items, ...older] };
    });
  }

  readOlder(): Promise<void> {
    return this.#read(this.#value.next, ({ items, next, isComplete }) => ({
      ...this.#value,
      ...{ next, isComplete, entries: [...(this.#value.entries ?? []), ...items] },
    }));
  }

  async #read(before: string | null, join: (page: HistoryPage) => CardHistory): Promise<void> {
    const question = ++this.#question;
    this.#set({ ...this.#value, isReading: true, problem: null });
    try {
      const page = await this.#readPage(before, PAGE);
      if (question === this.#question) this.#set({ ...join(page), isReading: false });
    } catch (error) {
      this.#version = null;
      const problem = error instanceof Error ? error.message : String(error);
      if (question === this.#question) this.#set({ ...this.#value, isReading: false, problem });
    }
  }

  #set(value: CardHistory): void {
    this.#value = value;
    for (const listener of this.#listeners) listener();
  }
}

export interface FollowedHistory extends CardHistory {
  readonly isConnected: boolean;
  readonly readOlder: () => void;
}

/** @param version changes whenever something has happened to the card */
export function useCardHistory(card: string, version: object): FollowedHistory {
  const { client } = useSession();
  const { isConnected } = useConnection();
  const [reader] = useState(
    () =>
      new HistoryReader((before, limit) =>
        client.history("tasks", card, { limit, ...(before === null ? {} : { before }) }),
      ),
  );
  useEffect(() => {
    if (isConnected) void reader.readNewest(version);
  }, [reader, isConnected, version]);
  const history = useSyncExternalStore(reader.subscribe, reader.get);
  return { ...history, isConnected, readOlder: () => void reader.readOlder() };
}
