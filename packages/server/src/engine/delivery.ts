/**
 * Delivery: brings every session from where it stands to the head of the log, in deltas that many share.
 *
 * What stays true: a session's deltas join end to end, from its checkpoint on; none is skipped and none ends within a
 * transaction. Memory per session does not grow with what it has missed: it keeps a cursor, and what it missed comes from
 * the tail or the log, coalesced. A subscription joins the stream exactly where its snapshot and the delta after it end.
 */
import {
  assert,
  type ChangeRow,
  decodeEvent,
  type Delta,
  type DomainEvent,
  type Offset,
  type SessionId,
} from "@tidelock/core";
import { Audience, endOf, type View } from "./audience.ts";
import type { HubContext } from "./ports.ts";
import type { StoredEvent } from "./records.ts";
import { flows, type Session, type SnapshotJob, type Subscription } from "./session.ts";
import { Tail } from "./tail.ts";

/** Bytes of events in one delta, about: what a device must be able to take in one frame. */
const MAX_DELTA_BYTES = 2 * 1024 * 1024;
const NO_VIEWS = new Audience("", []);

export class Delivery {
  readonly #context: HubContext;
  readonly #tail: Tail;
  readonly #audiences = new Map<string, { readonly audience: Audience; readonly sessions: Set<Session> }>();

  /** Sessions with snapshots to come. */
  readonly #joining = new Set<Session>();
  /** Something happened since the last `deliver` that may have to be sent. */
  #dirty = false;

  constructor(context: HubContext, head: Offset) {
    this.#context = context;
    this.#tail = new Tail(head, { maxEvents: context.bounds.maxTailEvents, maxBytes: context.bounds.maxTailBytes });
  }

  get head(): Offset {
    return this.#tail.head;
  }

  get tail(): Tail {
    return this.#tail;
  }

  /** Takes durable events in. */
  append(events: readonly DomainEvent[], sizes: readonly number[]): void {
    this.#dirty = true;
    for (const [index, event] of events.entries()) this.#tail.append(event, sizes[index] ?? 0);
  }

  /** The device waits for a delta that reaches its own event. */
  owe(session: Session, offset: Offset): void {
    if (offset <= session.owed) return;
    session.owed = offset;
    this.#dirty = true;
  }

  /** The session gets the subscription's snapshot, after those it waits for already. */
  want(session: Session, subscription: Subscription): void {
    session.jobs.push({ subscription, state: { step: "wanted" } });
    this.#joining.add(session);
  }

  /** Goes on with snapshots that waited for the log's head. */
  pumpJobs(): void {
    for (const session of this.#joining) this.pump(session);
  }

  /** Works out the session's audience after its whole subscriptions have changed. */
  regroup(session: Session): void {
    this.#leave(session);
    const views: View[] = [];
    for (const subscription of session.subscriptions.values()) if (subscription.whole) views.push(subscription.view);
    const key = Audience.keyOf(views);
    let group = this.#audiences.get(key);
    if (group === undefined) {
      group = { audience: views.length === 0 ? NO_VIEWS : new Audience(key, views), sessions: new Set() };
      this.#audiences.set(key, group);
    }
    group.sessions.add(session);
    session.audience = group.audience;
  }

  /** The session gets nothing more. */
  remove(session: Session): void {
    this.#joining.delete(session);
    this.#leave(session);
  }

  #leave(session: Session): void {
    const key = session.audience?.key;
    const group = key === undefined ? undefined : this.#audiences.get(key);
    if (group === undefined || key === undefined) return;
    group.sessions.delete(session);
    if (group.sessions.size === 0) this.#audiences.delete(key);
    session.audience = null;
  }

  /** Sends what is new to every session that keeps up: one delta per audience and starting point. */
  deliver(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    const head = this.#tail.head;
    // An append may push more out of the tail than was there: who kept up until then goes on from the log.
    const behind: Session[] = [];
    for (const { audience, sessions } of this.#audiences.values()) {
      // By what they have been told, which is nearly always the same; then by how far they have been looked at.
      const groups = new Map<Offset, Session[][]>();
      for (const session of sessions) {
        if (session.cursor >= head && session.owed <= session.told) continue;
        if (!flows(session)) continue;
        if (session.cursor < this.#tail.start) {
          behind.push(session);
          continue;
        }
        const told = groups.get(session.told);
        const group = told?.find(([first]) => first?.cursor === session.cursor);
        if (group !== undefined) group.push(session);
        else if (told !== undefined) told.push([session]);
        else groups.set(session.told, [[session]]);
      }
      for (const group of [...groups.values()].flat()) this.#deliverTo(audience, group, head);
    }
    for (const session of behind) this.pump(session);
  }

  /** All of `group` stand at the same place. */
  #deliverTo(audience: Audience, group: readonly Session[], head: Offset): void {
    const [first] = group;
    if (first === undefined) return;
    const to = this.#tail.reach(first.cursor, head, MAX_DELTA_BYTES);
    const changes = this.#changes(audience, this.#tail.range(first.cursor, to));
    const told = first.told;
    const receivers = changes.length > 0 ? group : group.filter((session) => session.owed > told);
    for (const session of group) session.cursor = to;
    this.#send(receivers, told, to, changes);
    if (to < head) for (const session of group) this.#window(session);
  }

  #send(sessions: readonly Session[], from: Offset, to: Offset, changes: readonly ChangeRow[]): void {
    if (sessions.length === 0) return;
    const message: Delta = { type: "delta", from, to, time: this.#context.spokenTime(), changes };
    for (const session of sessions) session.told = to;
    this.#context.emit({ type: "send", sessions: sessions.map((session) => session.id), message });
  }

  #changes(audience: Audience, events: readonly DomainEvent[]): ChangeRow[] {
    return audience.changes(events, (collection) => this.#context.columns.get(collection) ?? []);
  }

  /** Tells sessions whose checkpoint lags behind what they cannot see. */
  sweep(): void {
    for (const { sessions } of this.#audiences.values()) {
      for (const session of sessions) {
        if (session.told < session.cursor && flows(session)) this.#send([session], session.told, session.cursor, []);
      }
    }
  }

  /** Does the session's next step, if it may: catch up, then complete its snapshots one after the other. */
  pump(session: Session): void {
    while (session.audience !== null && flows(session)) {
      if (session.cursor < this.#tail.start) this.#readEvents(session);
      else if (session.cursor < this.#tail.head) this.#deliverTo(session.audience, [session], this.#tail.head);
      else if (session.owed > session.told) this.#send([session], session.told, session.cursor, []);
      else if (!this.#advance(session)) return;
    }
  }

  /** Catches up from the log, a page at a time. */
  #readEvents(session: Session): void {
    this.#fetch(session, session.cursor, (events) => {
      if (session.audience === null) return;
      const changes = this.#changes(session.audience, events);
      session.cursor = endOf(events, session.cursor);
      if (changes.length === 0 && session.owed <= session.told) return;
      this.#send([session], session.told, session.cursor, changes);
      this.#window(session);
    });
  }

  #fetch(session: Session, after: Offset, use: (events: readonly DomainEvent[]) => void): void {
    session.reading = true;
    const limit = this.#context.bounds.eventsPerRead;
    this.#context.read({ kind: "events", after, limit }, (result) => {
      session.reading = false;
      if (session.audience === null) return;
      if (result === null || result.events[0]?.offset !== after + 1) {
        // Unreadable, or trimmed while the session was on its way: it starts over from what it holds.
        this.#context.emit({ type: "close", session: session.id, code: "storage-unavailable" });
        return;
      }
      // The disk may have more than what is known to be there: an append whose answer is on its way.
      const known = result.events.filter((event) => event.offset <= this.#tail.head);
      use(withinBytes(known).map(decode));
      this.pump(session);
    });
  }

  #window(session: Session): void {
    session.draining = true;
    this.#context.emit({ type: "when-drained", session: session.id });
  }

  // ── snapshots ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** One step of the session's first snapshot. Answers whether something was done. */
  #advance(session: Session): boolean {
    const [job] = session.jobs;
    if (job === undefined) return false;
    switch (job.state.step) {
      case "wanted":
        this.#readSnapshot(session, job);
        return false;
      case "reading":
        return false;
      case "sending":
        // The rows may be newer than what the session has been told: it must come there first.
        if (job.state.snapshot.offset > session.cursor) return false;
        this.#sendChunks(session, job, job.state.snapshot, job.state.next);
        return true;
      case "joining":
        this.#join(session, job, job.state.from);
        return true;
    }
  }

  #readSnapshot(session: Session, job: SnapshotJob): void {
    // One at a time, also for who gives up and asks again meanwhile: the answer to the last one goes on with the next.
    if (session.snapshotReading) return;
    session.snapshotReading = true;
    job.state = { step: "reading" };
    const { view } = job.subscription;
    const { collection, filter } = view;
    const columns = this.#context.columns.get(collection) ?? [];
    const schema = this.#context.collections.get(collection);
    const defaults = columns.map((name) => schema?.byName.get(name)?.default ?? null);
    this.#context.read({ kind: "snapshot", collection, filter, columns, defaults }, (result) => {
      session.snapshotReading = false;
      if (session.audience === null) return;
      // The subscription was given up meanwhile: on to the next.
      if (session.jobs[0] !== job) return this.pump(session);
      if (result === null) {
        this.#context.emit({ type: "close", session: session.id, code: "storage-unavailable" });
        return;
      }
      job.state = { step: "sending", snapshot: result.snapshot, next: 0 };
      this.pump(session);
    });
  }

  #sendChunks(
    session: Session,
    job: SnapshotJob,
    snapshot: { readonly offset: Offset; readonly chunks: readonly string[] },
    next: number,
  ): void {
    const to: readonly SessionId[] = [session.id];
    const { id, view } = job.subscription;
    if (next === 0) {
      const { collection, key } = view;
      this.#context.emit({
        type: "send",
        sessions: to,
        message: { type: "snapshot", subscription: id, collection, offset: snapshot.offset, key },
      });
    }
    const end = Math.min(snapshot.chunks.length, next + this.#context.bounds.chunksPerWindow);
    for (const json of snapshot.chunks.slice(next, end)) {
      this.#context.emit({ type: "send", sessions: to, message: { type: "prepared", json } });
    }
    if (end < snapshot.chunks.length) {
      job.state = { step: "sending", snapshot: { ...snapshot, count: 0 }, next: end };
      this.#window(session);
    } else {
      job.state = { step: "joining", from: snapshot.offset };
    }
  }

  /** Brings the subscription from its snapshot to the session's cursor, and makes it part of the stream there. */
  #join(session: Session, job: SnapshotJob, from: Offset): void {
    if (from < session.cursor) {
      if (from >= this.#tail.start) this.#sendJoining(session, job, from, this.#tail.range(from, session.cursor));
      else
        this.#fetch(session, from, (events) =>
          this.#sendJoining(
            session,
            job,
            from,
            events.filter((event) => event.offset <= session.cursor),
          ),
        );
      return;
    }
    assert(from === session.cursor, `a subscription joins at ${from}, its session is at ${session.cursor}`);
    session.jobs.shift();
    if (session.jobs.length === 0) this.#joining.delete(session);
    job.subscription.whole = true;
    this.regroup(session);
    // The device's checkpoint must be where the subscription joins, or it would start over from before.
    if (session.told < session.cursor) this.#send([session], session.told, session.cursor, []);
    this.#context.emit({
      type: "send",
      sessions: [session.id],
      message: { type: "snapshot-end", subscription: job.subscription.id, offset: session.cursor },
    });
  }

  #sendJoining(session: Session, job: SnapshotJob, from: Offset, events: readonly DomainEvent[]): void {
    if (session.jobs[0] !== job) return;
    const to = endOf(events, from);
    job.state = { step: "joining", from: to };
    const changes = this.#changes(new Audience("", [job.subscription.view]), events);
    if (changes.length === 0) return;
    const message: Delta = {
      type: "delta",
      from,
      to,
      subscription: job.subscription.id,
      time: this.#context.spokenTime(),
      changes,
    };
    this.#context.emit({ type: "send", sessions: [session.id], message });
    if (events.length >= this.#context.bounds.eventsPerRead) this.#window(session);
  }
}

/** The first of some events, to the end of the transaction in which they reach the bound of a delta. */
function withinBytes(events: readonly StoredEvent[]): readonly StoredEvent[] {
  let bytes = 0;
  const end = events.findIndex(({ body, remaining }) => {
    bytes += body.length;
    return bytes >= MAX_DELTA_BYTES && remaining === 0;
  });
  return end < 0 ? events : events.slice(0, end + 1);
}

function decode(event: StoredEvent): DomainEvent {
  return decodeEvent(event.offset, event.body);
}
