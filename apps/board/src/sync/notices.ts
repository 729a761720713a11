/** Notices: short messages in the corner, newest last. They say what happened and offer what can be done about it. */
export interface NoticeAction {
  readonly label: string;
  readonly run: () => void;
}

export interface Notice {
  readonly id: number;
  readonly tone: "plain" | "merged" | "problem";
  readonly title: string;
  readonly text: string;
  readonly actions: readonly NoticeAction[];
  /** Stays until it is dismissed. */
  readonly isSticky: boolean;
  /** The card whose dialog says the same; `null` when none does. */
  readonly card: string | null;
  /** The user has taken note: dismissed it, or did what it offers. Not called when it goes by itself. */
  readonly seen: () => void;
}

type Given = Pick<Notice, "title"> & Partial<Omit<Notice, "id" | "title">>;

const MAX_NOTICES = 4;
const PLAIN = { tone: "plain", text: "", actions: [], isSticky: false, card: null, seen: () => {} } as const;

export class Notices {
  #list: readonly Notice[] = [];
  #last = 0;
  readonly #listeners = new Set<() => void>();

  readonly get = (): readonly Notice[] => this.#list;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  add(given: Given): void {
    const notice: Notice = { ...PLAIN, ...given, id: ++this.#last };
    this.#change([...this.#list, notice].slice(-MAX_NOTICES));
  }

  readonly dismiss = (id: number): void => {
    this.#change(this.#list.filter((notice) => notice.id !== id));
  };

  #change(list: readonly Notice[]): void {
    this.#list = list;
    for (const listener of this.#listeners) listener();
  }
}
