/** Changes as lines: one JSON object each for programs, aligned and coloured columns for people. */
import type { Decision, DomainEvent, EntityId, JsonValue, Offset } from "@tidelock/core";
import { outputColumns, paint, print, printJson, type Style, timeOfDay, visible } from "../output.ts";

/** A change of one entity, from a delta of a server or from an event of a log. */
export interface Change {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly offset: Offset;
  readonly collection: string;
  readonly entity: EntityId;
  /**
   * From the log: created, updated, deleted. From a server: put (it came into view, or was created), updated, deleted,
   * withdrawn (it exists, but this user may no longer see it).
   */
  readonly kind: DomainEvent["kind"] | "put" | "withdrawn";
  /** The fields that changed, with their values now. */
  readonly fields: Readonly<Record<string, JsonValue>>;
  /** What they were before, where that is known. */
  readonly was?: Readonly<Record<string, JsonValue>>;
  /** Who wrote it, and what had to be settled; the log knows. */
  readonly author?: {
    readonly user: string;
    readonly device: string;
    readonly counter: number;
    readonly conflicts: readonly Decision[];
  };
}

const KINDS: Readonly<Record<Change["kind"], { readonly mark: string; readonly style: Style }>> = {
  created: { mark: "+", style: "green" },
  put: { mark: "+", style: "green" },
  updated: { mark: "~", style: "yellow" },
  deleted: { mark: "-", style: "red" },
  withdrawn: { mark: "-", style: "magenta" },
};
const KIND_WIDTH = "withdrawn".length;
const OFFSET_WIDTH = 6;
const MAX_VALUE_LENGTH = 60;
/** As wide as time and offset. */
const MARGIN = " ".repeat("00:00:00.000".length + 2 + OFFSET_WIDTH);

export class EventPrinter {
  readonly #asJson: boolean;
  #collectionWidth = 0;
  #lastRemark = "";

  constructor(asJson: boolean) {
    this.#asJson = asJson;
  }

  /** Columns are as wide as the longest of these. */
  expectCollections(names: Iterable<string>): void {
    for (const name of names) this.#collectionWidth = Math.max(this.#collectionWidth, name.length);
  }

  /** @param extra further members of the JSON line */
  change(change: Change, extra: object = {}): void {
    const { time, offset, collection, entity, kind, fields, was, author } = change;
    if (this.#asJson) {
      const line = { type: "change", time: new Date(time).toISOString(), offset, collection, entity, kind, fields };
      return printJson({
        ...line,
        ...(was === undefined ? {} : { was }),
        ...(author === undefined ? {} : { ...author, conflicts: author.conflicts.map(conflictFacts) }),
        ...extra,
      });
    }
    const { mark, style } = KINDS[kind];
    this.expectCollections([collection]);
    this.#columns([
      [timeOfDay(new Date(time)), "dim"],
      [String(offset).padStart(OFFSET_WIDTH), "dim"],
      [`${mark} ${kind.padEnd(KIND_WIDTH)}`, style],
      [collection.padEnd(this.#collectionWidth), "bold"],
      [entity, "cyan"],
      ...valueColumns(change),
      ...(author === undefined ? [] : [[`by ${visible(author.user)} on ${author.device}`, "dim"] as const]),
    ]);
    for (const decision of author?.conflicts ?? []) {
      this.#columns([
        [MARGIN, "reset"],
        [conflictText(decision), "magenta"],
      ]);
    }
  }

  /** Something about the stream itself. */
  remark(type: string, text: string, facts: object): void {
    if (this.#asJson) return printJson({ type, time: new Date().toISOString(), ...facts });
    // The same trouble again and again is one line.
    if (text === this.#lastRemark) return;
    this.#lastRemark = text;
    this.#columns([[`${timeOfDay(new Date())}  ${" ".repeat(OFFSET_WIDTH)}  ${text}`, "dim"]]);
  }

  /** As much of the columns as the terminal is wide. */
  #columns(columns: readonly (readonly [text: string, style: Style])[]): void {
    let space = outputColumns();
    const parts: string[] = [];
    for (const [text, style] of columns) {
      if (space <= 0) break;
      const cut = text.length <= space ? text : `${text.slice(0, Math.max(0, space - 1))}…`;
      parts.push(style === "reset" ? cut : paint.output(style, cut));
      space -= text.length + 2;
    }
    print(parts.join("  ").trimEnd());
  }
}

function valueColumns({ kind, fields, was, author }: Change): (readonly [text: string, style: Style])[] {
  const values = Object.entries(fields).map(([name, value]) =>
    was === undefined || kind === "created"
      ? `${name}=${shown(value)}`
      : `${name}: ${shown(was[name] ?? null)} → ${shown(value)}`,
  );
  if (values.length > 0) return [[values.join("  "), "reset"]];
  return kind === "updated" && author !== undefined ? [["changed nothing", "dim"]] : [];
}

function conflictText(decision: Decision): string {
  const { winner, policy, reason, current, incoming } = decision;
  const what = decision.field ?? "the entity";
  if (winner === "review")
    return `held for review: ${shown(incoming.value)} of ${incoming.device} for ${what} (${policy}: ${reason})`;
  const lost = winner === "current" ? incoming : current;
  const verb = winner === "merged" ? "was merged" : "lost";
  return `conflict about ${what}: ${shown(lost.value)} of ${lost.device} ${verb} (${policy}: ${reason})`;
}

function conflictFacts({ field, policy, policyVersion, winner, reason, current, incoming }: Decision): object {
  return { field, policy, policy_version: policyVersion, winner, reason, current, incoming };
}

function shown(value: JsonValue): string {
  const json = visible(JSON.stringify(value));
  return json.length <= MAX_VALUE_LENGTH ? json : `${json.slice(0, MAX_VALUE_LENGTH - 1)}…`;
}
