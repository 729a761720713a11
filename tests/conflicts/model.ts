/**
 * The reference model of the server's decisions: what becomes of a history of mutations, in the plainest words and from
 * the design alone. It imports nothing of the engine but types. It works on turns (one transaction each, in the order of
 * arrival), not on a log: what an author has seen is a turn.
 *
 * What only the engine can know it is told: the ids that the server made, and how it called the reviews.
 */
import type { JsonObject, JsonValue } from "@tidelock/core";
import {
  type Candidate,
  type Cell,
  type Entity,
  type Learned,
  OPEN_FINDINGS,
  type Review,
  type Said,
  sideOf,
  type Update,
  unseenBy,
  type Verdict,
} from "./model-entity.ts";
import {
  type Author,
  canonical,
  type Deed,
  later,
  type Ruling,
  saw,
  settle,
  type Side,
  type Standing,
  withUnseen,
  type Writers,
} from "./model-field.ts";
import { itemsIn, mergeList, mergeSet, withDefaults } from "./model-merge.ts";
import {
  COLLECTIONS,
  type Effect,
  type FieldWords,
  mayReview,
  MUTATORS,
  Refusal,
  titleRefused,
} from "./model-words.ts";

const DRIFT_MS = 60_000n;
const TICKS = 1n << 16n;
export const SERVER_DEVICE = "tidelock.server";

interface Held {
  readonly field: string;
  readonly ruling: Ruling;
}
interface Written {
  readonly entity: Entity;
  readonly rulings: readonly Ruling[];
  readonly held: readonly Held[];
}

export class Model {
  #entities = new Map<string, Entity>();
  #reviews = new Map<string, Review>();
  /** Temporary ids of devices and what became of them. */
  readonly #aliases = new Map<string, string>();
  /** The server's clock. */
  #clock = 0n;
  #turn = 0;
  #event = 0;
  #now = 0;
  #learned: Learned = { created: [], review: () => "" };
  #created: string[] = [];
  restamped = 0;
  /** Who wrote, with a stamp that was not later, over what they had seen of others; and how often. */
  readonly raised = new Map<string, number>();

  get turn(): number {
    return this.#turn;
  }
  get entities(): ReadonlyMap<string, Entity> {
    return this.#entities;
  }
  get reviews(): ReadonlyMap<string, Review> {
    return this.#reviews;
  }

  entity(collection: string, id: string): Entity | undefined {
    return this.#entities.get(`${collection}/${id}`);
  }

  /** An entity's fields, and its mark; `null` when there is none. */
  row(collection: string, id: string): JsonObject | null {
    const entity = this.entity(collection, id);
    if (entity === undefined || !entity.isThere) return null;
    const values = [...entity.cells].map(([name, { value }]) => [name, value] as const);
    const mark = entity.waits.size === 0 ? null : Object.fromEntries(entity.waits);
    return { ...Object.fromEntries(values), "tidelock.review": mark };
  }

  /** The id that a temporary one of a device stands for; any other as it is. */
  resolve(device: string, id: string): string {
    return this.#aliases.get(`${device} ${id}`) ?? id;
  }

  // ── turns ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A transaction reaches the server: all of it, or nothing. */
  take(said: readonly Said[], now: number, learned: Learned): readonly Verdict[] {
    this.#turn += 1;
    this.#now = now;
    this.#learned = learned;
    this.#created = [...learned.created];
    const authors = said.map((mutation) => this.#author(mutation));
    const given = said.map((mutation) => this.#assign(mutation));
    const [entities, reviews] = [this.#entities, this.#reviews];
    this.#entities = new Map(entities);
    this.#reviews = new Map(reviews);
    const verdicts: Verdict[] = [];
    const refused = (failing: number, code: string): readonly Verdict[] => {
      this.#entities = entities;
      this.#reviews = reviews;
      for (const [at, name] of given.entries()) if (name !== null) this.#aliases.delete(`${said[at]?.device} ${name}`);
      return said.map((_, at) => ({
        outcome: "rejected",
        code: at === failing ? code : "transaction-failed",
        rulings: [],
      }));
    };
    const resolved = said.map((mutation) => this.#resolved(mutation));
    const dangling = resolved.findIndex(({ fields }) => canonical(fields).includes('"tmp:'));
    if (dangling >= 0) return refused(dangling, "entity-not-found");
    for (const [at, mutation] of resolved.entries()) {
      try {
        verdicts.push(this.#admit(mutation, authors[at] as Author));
      } catch (error) {
        if (error instanceof Refusal) return refused(at, error.message);
        throw error;
      }
    }
    return verdicts;
  }

  /** A stamp that lies too far ahead is replaced by the server's, which is later than all that it knows. */
  #author({ device, user, role, counter, stamp, horizon }: Said): Author {
    const wall = BigInt(this.#now) * TICKS;
    const isAhead = stamp / TICKS > BigInt(this.#now) + DRIFT_MS;
    if (isAhead) this.restamped += 1;
    this.#clock = isAhead ? (wall > this.#clock ? wall : this.#clock + 1n) : stamp > this.#clock ? stamp : this.#clock;
    return {
      device,
      user,
      role,
      counter,
      horizon: Math.min(horizon, this.#turn - 1),
      turn: this.#turn,
      event: 0,
      stamp: isAhead ? this.#clock : stamp,
    };
  }

  /** The server makes ids; the temporary one stands for what it made. Answers the temporary id. */
  #assign({ operation, collection, device, entity }: Said): string | null {
    if (operation !== "create" || COLLECTIONS[collection]?.ids !== "server") return null;
    this.#aliases.set(`${device} ${entity}`, this.#created.shift() ?? `refused:${entity}`);
    return entity;
  }

  #resolved(said: Said): Said {
    const text = JSON.stringify(said.fields).replaceAll(/"(tmp:[^"]*)"/g, (_, id: string) =>
      JSON.stringify(this.resolve(said.device, id)),
    );
    return { ...said, entity: this.resolve(said.device, said.entity), fields: JSON.parse(text) as JsonObject };
  }

  #admit(said: Said, author: Author): Verdict {
    const { operation, collection, entity: id, fields } = said;
    for (const [name, words] of Object.entries(COLLECTIONS[collection]?.fields ?? {})) {
      const { add = 0 } = (fields[name] ?? {}) as { readonly add?: number };
      if (words.policy === "counter" && words.grows && add < 0) throw new Refusal("invalid-value");
    }
    switch (operation) {
      case "create":
        return this.#create(author, collection, id, fields);
      case "update":
        if (collection === "tidelock.reviews") return this.#annotate(author, id, fields);
        return this.#update(author, collection, id, fields);
      case "delete":
        return this.#delete(author, collection, id);
      case "call":
        return this.#call(author, collection, fields);
      case "decide":
        return this.#decide(author, id, fields);
      case "expire":
        return this.#expire(author, id);
      default:
        throw new Error(`what is ${operation}?`);
    }
  }

  #put(entity: Entity): void {
    this.#entities.set(`${entity.collection}/${entity.id}`, entity);
  }

  // ── create, update ───────────────────────────────────────────────────────────────────────────────────────────────

  /** The author of the next write. */
  #next(author: Author): Author {
    this.#event += 1;
    return { ...author, event: this.#event };
  }

  #create(by: Author, collection: string, id: string, fields: JsonObject): Verdict {
    const author = this.#next(by);
    const known = this.entity(collection, id);
    if (known !== undefined) throw new Refusal(known.isThere ? "entity-exists" : "entity-deleted");
    const cells = new Map<string, Cell>();
    for (const [name, words] of Object.entries(COLLECTIONS[collection]?.fields ?? {})) {
      const value = words.default;
      const standing: Standing = { value, writers: [author], role: author.role, earlier: [] };
      const empty: Cell = { value, writers: [author], standing, deeds: [], steps: [] };
      const given = Object.hasOwn(fields, name) ? (fields[name] ?? null) : undefined;
      if (given === undefined) cells.set(name, empty);
      else if (words.policy === "value")
        cells.set(name, { ...empty, value: given, standing: { ...standing, value: given } });
      else cells.set(name, this.#merge(name, words, empty, author, given).cell);
    }
    const waits: Entity["waits"] = new Map();
    this.#put({ collection, id, isThere: true, cells, deletion: null, waits, updates: [], since: this.#turn });
    if (titleRefused(this.row(collection, id), collection)) throw new Refusal("forbidden");
    return { outcome: "applied", code: null, rulings: [] };
  }

  #update(author: Author, collection: string, id: string, fields: JsonObject): Verdict {
    const entity = this.entity(collection, id);
    if (entity === undefined) throw new Refusal("entity-not-found");
    if (!entity.isThere) return this.#updateGone(author, entity, fields);
    return this.#record(author, this.#write(author, entity, fields));
  }

  /** Every field on its own. */
  #write(by: Author, entity: Entity, fields: JsonObject): Written {
    const author = this.#next(by);
    const cells = new Map(entity.cells);
    const rulings: Ruling[] = [];
    const held: Held[] = [];
    const replaced: Deed[] = [];
    let isKept = false;
    for (const [name, value] of Object.entries(fields)) {
      const words = COLLECTIONS[entity.collection]?.fields[name];
      const cell = cells.get(name);
      if (words === undefined || cell === undefined) throw new Refusal("unknown-field");
      const review = this.#reviews.get(entity.waits.get(name) ?? "");
      if (review !== undefined) {
        // Only the decision changes it.
        const incoming = { device: author.device, counter: author.counter, stamp: author.stamp, value };
        const side = { field: name, policy: "review", version: 1, base: undefined, value: cell.value };
        held.push({ field: name, ruling: { ...side, winner: "review", current: sideOf(cell), incoming } });
        continue;
      }
      if (words.policy !== "value") {
        const merged = this.#merge(name, words, cell, author, value);
        cells.set(name, merged.cell);
        rulings.push(...merged.rulings);
        continue;
      }
      const settled = settle(name, words.rule, cell.standing as Standing, author, value);
      if (settled.kind === "waits") held.push({ field: name, ruling: settled.ruling });
      else {
        rulings.push(...settled.rulings);
        const { standing } = settled;
        const { value: stands, writers } = standing;
        if (standing === cell.standing) {
          // It was kept: what was written lost, or was there already.
          isKept = true;
          continue;
        }
        replaced.push(...cell.writers.filter((writer) => !saw(author, writer) && !writers.includes(writer)));
        const isBehind = (writers.at(-1) as Deed).stamp > author.stamp && author.isCall !== true;
        if (isBehind && cell.writers.every((writer) => saw(author, writer) && writer.device !== author.device))
          this.raised.set(author.device, (this.raised.get(author.device) ?? 0) + 1);
        cells.set(name, { value: stands, writers, standing });
      }
    }
    const isQuiet = isKept || held.length > 0 || rulings.some(({ winner }) => winner === "current");
    const earlier = OPEN_FINDINGS.has("F8d") && author.isCall === true ? [] : entity.updates;
    const updates = earlier.map((update): Update => {
      const writer = replaced.findLast((each) => each.event === update.event);
      return writer === undefined ? update : { ...update, stamp: writer.stamp, isQuiet: true };
    });
    return { entity: { ...entity, cells, updates: [...updates, { ...author, isQuiet }] }, rulings, held };
  }

  #merge(
    name: string,
    words: FieldWords,
    cell: Cell,
    author: Author,
    change: JsonValue,
  ): { readonly cell: Cell; readonly rulings: readonly Ruling[] } {
    const written = { writers: withUnseen(cell.writers, author, author) };
    if (words.policy === "counter") {
      const { add } = change as { readonly add: number };
      return { cell: { ...written, value: Number(cell.value) + add }, rulings: [] };
    }
    if (words.policy === "set") {
      const { deeds, value, rulings } = mergeSet(name, cell.deeds ?? [], change, author, words.bias);
      return { cell: { ...written, value, deeds }, rulings };
    }
    if (words.policy === "value") throw new Error(`${name} is not merged`);
    const merged = mergeList(name, cell.steps ?? [], withDefaults(change, words.defaults), author);
    if (merged === null) throw new Refusal("invalid-value");
    return { cell: { ...written, value: merged.value, steps: merged.deeds }, rulings: merged.rulings };
  }

  /** What was written stands; what waits for a person opens a review or joins one. */
  #record(author: Author, { entity, rulings, held }: Written, before: readonly Ruling[] = []): Verdict {
    if (
      titleRefused(Object.fromEntries([...entity.cells].map(([name, { value }]) => [name, value])), entity.collection)
    )
      throw new Refusal("forbidden");
    let next = entity;
    for (const { field, ruling } of held) next = this.#hold(author, next, field, ruling);
    this.#put(next);
    const all = [...before, ...rulings, ...held.map(({ ruling }) => ruling)];
    return { outcome: held.length > 0 ? "in-review" : all.length > 0 ? "merged" : "applied", code: null, rulings: all };
  }

  #hold(author: Author, entity: Entity, field: string, { policy, version, base, current, incoming }: Ruling): Entity {
    const open = this.#reviews.get(entity.waits.get(field) ?? "");
    const candidate: Candidate = { ...incoming, by: author };
    if (open !== undefined) {
      // What is accepted stays first; a device's last word replaces what it put forward before.
      const [accepted, ...others] = open.candidates;
      const rest = others.filter((other) => other.device !== author.device);
      this.#reviews.set(open.id, { ...open, candidates: [accepted as Candidate, ...rest, candidate] });
      return entity;
    }
    const { collection, id: name } = entity;
    const id = this.#learned.review(collection, name, field === "*" ? null : field);
    const words = COLLECTIONS[collection]?.fields[field];
    const terms =
      words?.policy === "value" && words.rule.kind === "review" ? words.rule : { dueAfterMs: null, onExpiry: "keep" };
    const due = terms.dueAfterMs === null ? null : this.#now + terms.dueAfterMs;
    const note = (value: JsonValue): Standing => ({ value, writers: [author], role: null, earlier: [] });
    const notes = new Map([
      ["assignee", note(null)],
      ["note", note(null)],
      ["due", note(due)],
      ["onExpiry", note(terms.onExpiry)],
    ]);
    const writer =
      field === "*" ? this.#sideOfEntity(entity, current) : (entity.cells.get(field)?.writers.at(-1) ?? author);
    this.#reviews.set(id, {
      ...{
        id,
        collection,
        entity: name,
        field: field === "*" ? null : field,
        policy,
        version,
        base,
        notes,
        since: this.#turn,
        closed: 0,
      },
      candidates: [{ ...current, by: writer }, candidate],
      outcome: null,
    });
    return { ...entity, waits: new Map([...entity.waits, [field, id]]) };
  }

  #sideOfEntity({ cells, deletion, updates }: Entity, { device, counter }: Side): Deed {
    const writers = [
      ...(deletion === null ? [] : [deletion.by]),
      ...updates,
      ...[...cells.values()].flatMap((cell) => cell.writers),
    ];
    const found = writers.find((deed) => deed.device === device && deed.counter === counter);
    if (found === undefined) throw new Error(`nobody called ${device}#${counter} wrote this entity`);
    return found;
  }

  // ── delete ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #delete(author: Author, collection: string, id: string): Verdict {
    const entity = this.entity(collection, id);
    if (entity === undefined) throw new Refusal("entity-not-found");
    if (!entity.isThere) return { outcome: "applied", code: null, rulings: [] };
    const unseen = unseenBy(author, entity);
    const review = this.#reviews.get(entity.waits.get("*") ?? "");
    const current = unseen ?? review?.candidates[0];
    if (current === undefined) {
      this.#remove(author, entity, author.stamp, null);
      return { outcome: "applied", code: null, rulings: [] };
    }
    const incoming: Side = { device: author.device, counter: author.counter, stamp: author.stamp, value: null };
    const policy = review === undefined ? (COLLECTIONS[collection]?.onDelete ?? "delete-wins") : "review";
    const winner = ({ "delete-wins": "incoming", "update-wins": "current", "review": "review" } as const)[policy];
    const ruling: Ruling = { field: null, policy, version: 1, winner, value: null, base: undefined, current, incoming };
    if (policy === "delete-wins") {
      this.#remove(author, entity, author.stamp > current.stamp ? author.stamp : current.stamp + 1n, null);
      return { outcome: "merged", code: null, rulings: [ruling] };
    }
    const held = policy === "review" ? [{ field: "*", ruling }] : [];
    return this.#record(author, { entity, rulings: policy === "review" ? [] : [ruling], held });
  }

  /** The entity goes, and the reviews that it waited for end with it. */
  #remove(author: Author, entity: Entity, stamp: bigint, deciding: string | null): void {
    for (const id of entity.waits.values()) {
      const review = this.#reviews.get(id);
      if (review === undefined || id === deciding) continue;
      const { user, device } = author;
      this.#reviews.set(id, {
        ...review,
        closed: this.#turn,
        outcome: { kind: "deleted", candidate: null, value: null, user, device },
      });
    }
    this.#put({ ...entity, isThere: false, deletion: { by: author, stamp }, waits: new Map() });
  }

  /** Deleted stays deleted, unless the collection says otherwise of those who had not seen it. */
  #updateGone(author: Author, entity: Entity, fields: JsonObject): Verdict {
    const { deletion, collection } = entity;
    if (deletion === null || saw(author, deletion.by)) throw new Refusal("entity-deleted");
    const policy = COLLECTIONS[collection]?.onDelete ?? "delete-wins";
    const { device, counter } = deletion.by;
    const current: Side = { device, counter, stamp: deletion.stamp, value: null };
    const incoming: Side = { device: author.device, counter: author.counter, stamp: author.stamp, value: fields };
    const winner = ({ "delete-wins": "current", "update-wins": "incoming", "review": "review" } as const)[policy];
    const ruling: Ruling = { field: null, policy, version: 1, winner, value: null, base: undefined, current, incoming };
    if (policy === "delete-wins") return { outcome: "merged", code: null, rulings: [ruling] };
    if (policy === "review") {
      this.#put(this.#hold(author, entity, "*", ruling));
      return { outcome: "in-review", code: null, rulings: [ruling] };
    }
    const back: Entity = { ...entity, isThere: true, deletion: null };
    return this.#record(author, this.#write(author, back, fields), [ruling]);
  }

  // ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A mutator runs on what it meets, and has seen all of it. */
  #call(author: Author, name: string, args: JsonObject): Verdict {
    const effects: Effect[] = [];
    MUTATORS[name]?.(
      args,
      (collection, id) => this.row(collection, id),
      (effect) => void effects.push(effect),
    );
    const allSeeing: Author = { ...author, horizon: this.#turn - 1, isCall: true };
    const made: string[] = [];
    const verdicts = effects.map(([operation, collection, entity, fields]): Verdict => {
      const id = entity.startsWith("new:") ? (made[Number(entity.slice(4))] ?? entity) : entity;
      const values = JSON.parse(
        JSON.stringify(fields).replaceAll(/"new:(\d+)"/g, (_, at: string) => JSON.stringify(made[Number(at)])),
      ) as JsonObject;
      if (operation === "delete") return this.#delete(allSeeing, collection, id);
      if (operation === "update") return this.#update(allSeeing, collection, id, values);
      made.push(this.#created.shift() ?? `refused:${made.length}`);
      return this.#create(allSeeing, collection, made.at(-1) ?? "", values);
    });
    const rulings = verdicts.flatMap((verdict) => verdict.rulings);
    const isHeld = verdicts.some(({ outcome }) => outcome === "in-review");
    return { outcome: isHeld ? "in-review" : rulings.length > 0 ? "merged" : "applied", code: null, rulings };
  }

  // ── reviews ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #annotate(author: Author, id: string, fields: JsonObject): Verdict {
    const review = this.#reviews.get(id);
    if (Object.keys(fields).some((name) => !["assignee", "note", "due", "onExpiry"].includes(name)))
      throw new Refusal("forbidden");
    if (review === undefined) throw new Refusal("entity-not-found");
    if (!mayReview(review.collection, author.role)) throw new Refusal("forbidden");
    const notes = new Map(review.notes);
    const rulings: Ruling[] = [];
    for (const [name, value] of Object.entries(fields)) {
      const settled = settle(name, { kind: "lww" }, notes.get(name) as Standing, author, value);
      if (settled.kind === "waits") throw new Error("notes never wait");
      notes.set(name, settled.standing);
      rulings.push(...settled.rulings);
    }
    this.#reviews.set(id, { ...review, notes });
    return { outcome: rulings.length > 0 ? "merged" : "applied", code: null, rulings };
  }

  #decide(author: Author, id: string, fields: JsonObject): Verdict {
    const review = this.#reviews.get(id);
    if (review === undefined) throw new Refusal("entity-not-found");
    if (review.outcome !== null) throw new Refusal("review-closed");
    if (!mayReview(review.collection, author.role)) throw new Refusal("forbidden");
    if (review.candidates.some(({ by }) => !saw(author, by))) throw new Refusal("review-changed");
    if (!("candidate" in fields)) {
      if (review.field === null || Object.keys(fields).join() !== "value") throw new Refusal("invalid-value");
      return this.#conclude(author, review, "edit", null, fields["value"] ?? null);
    }
    const candidate = review.candidates.find(({ device, counter }) => `${device}:${counter}` === fields["candidate"]);
    if (candidate === undefined) throw new Refusal("invalid-value");
    return this.#conclude(author, review, "pick", candidate, candidate.value);
  }

  /** The time is up: what is accepted stays, or the latest candidate stands. */
  #expire(author: Author, id: string): Verdict {
    const review = this.#reviews.get(id);
    const due = review?.notes.get("due")?.value;
    if (review === undefined || review.outcome !== null || typeof due !== "number" || due > this.#now)
      throw new Error(`the review ${id} was not due`);
    const [accepted] = review.candidates;
    const latest = review.candidates.reduce((best, each) => (later(each, best) ? each : best));
    const candidate = review.notes.get("onExpiry")?.value === "latest" ? latest : accepted;
    return this.#conclude(author, review, "expired", candidate ?? null, candidate?.value ?? null);
  }

  /** A decision is a write of its own that comes after all that it decides between. */
  #conclude(
    author: Author,
    review: Review,
    kind: "pick" | "edit" | "expired",
    candidate: Candidate | null,
    value: JsonValue,
  ): Verdict {
    const { collection, field, candidates, base, version } = review;
    const entity = this.entity(collection, review.entity);
    if (entity === undefined) throw new Refusal("entity-not-found");
    const accepted = candidates[0] as Candidate;
    const own: Side = { device: author.device, counter: author.counter, stamp: author.stamp, value };
    const ruling: Ruling = {
      // What stays stood against the last of the others.
      ...{ field, policy: "review", version, base, current: accepted },
      incoming: (candidate === accepted ? candidates.at(-1) : candidate) ?? own,
      winner: candidate === accepted ? "current" : candidate === null ? "merged" : "incoming",
      value: field === null ? null : value,
    };
    const stamp = candidates.reduce((most, each) => (each.stamp >= most ? each.stamp + 1n : most), author.stamp);
    const { id: picked } = { id: candidate === null ? null : `${candidate.device}:${candidate.counter}` };
    const outcome = { kind, candidate: picked, value, user: author.user, device: author.device };
    this.#reviews.set(review.id, { ...review, closed: this.#turn, outcome });
    const waits = new Map(entity.waits);
    waits.delete(field ?? "*");
    const open: Entity = { ...entity, waits };
    const applied: Verdict = { outcome: "applied", code: null, rulings: [ruling] };
    if (field !== null) {
      const cell = entity.cells.get(field);
      const words = COLLECTIONS[collection]?.fields[field];
      if (cell?.standing === undefined || !entity.isThere || words === undefined) throw new Refusal("entity-not-found");
      if (typeof value !== typeof words.default) throw new Refusal("invalid-value");
      const earlier = [...cell.standing.earlier, cell.standing].slice(-16);
      const writers: Writers = [{ ...this.#next(author), stamp }];
      const written: Cell = { value, writers, standing: { value, writers, role: author.role, earlier } };
      this.#put({ ...open, cells: new Map([...entity.cells, [field, written]]) });
    } else if (value === null) {
      if (!entity.isThere) this.#put(open);
      else {
        // Nobody lets go what they have not seen; and all that the delete had not seen is told.
        if (kind !== "expired" && unseenBy(author, entity) !== null) throw new Refusal("review-changed");
        const unseen = candidate === null ? null : unseenBy({ horizon: 0, ...candidate.by }, entity);
        this.#remove(author, entity, stamp, review.id);
        return { ...applied, rulings: [{ ...ruling, current: unseen ?? ruling.current }] };
      }
    } else if (entity.isThere) this.#put(open);
    else {
      const back: Entity = { ...open, isThere: true, deletion: null };
      const again = this.#record({ ...author, stamp }, this.#write({ ...author, stamp }, back, value as JsonObject));
      return { ...applied, rulings: [ruling, ...again.rulings] };
    }
    return applied;
  }

  // ── what devices see ─────────────────────────────────────────────────────────────────────────────────────────────

  /** The items of a list that somebody sees. */
  seenItems(
    collection: string,
    id: string,
    field: string,
    author: Pick<Author, "device" | "horizon">,
  ): ReturnType<typeof itemsIn> {
    const steps = this.entity(collection, id)?.cells.get(field)?.steps ?? [];
    const reader = { ...author, counter: Number.POSITIVE_INFINITY } as Author;
    return itemsIn(steps.filter((step) => saw(reader, step.author)));
  }
}
