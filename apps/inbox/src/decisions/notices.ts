/** Short messages in the corner: what was decided, what was refused, what others did. */
export interface NoticeAction {
  readonly label: string;
  readonly run: () => void;
}

export interface Notice {
  readonly id: number;
  readonly tone: "good" | "waiting" | "merged" | "problem";
  readonly title: string;
  readonly text: string;
  readonly actions: readonly NoticeAction[];
  /** Stays until it is dismissed. */
  readonly isSticky: boolean;
  /** Notices of one topic replace each other. */
  readonly topic: string | null;
}

const MOST = 4;

export class Notices {
  #list: readonly Notice[] = [];
  #lastId = 0;
  readonly #listeners = new Set<() => void>();

  readonly get = (): readonly Notice[] => this.#list;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  add(notice: Pick<Notice, "tone" | "title"> & Partial<Notice>): void {
    this.#lastId += 1;
    const { topic = null } = notice;
    const added: Notice = { text: "", actions: [], isSticky: false, topic, ...notice, id: this.#lastId };
    const others = this.#list.filter((other) => topic === null || other.topic !== topic);
    this.#set([...others, added].slice(-MOST));
  }

  dismiss(id: number): void {
    this.#set(this.#list.filter((notice) => notice.id !== id));
  }

  /** What was said of this is no longer so. */
  drop(topic: string): void {
    this.#set(this.#list.filter((notice) => notice.topic !== topic));
  }

  #set(list: readonly Notice[]): void {
    this.#list = list;
    for (const listener of this.#listeners) listener();
  }
}
