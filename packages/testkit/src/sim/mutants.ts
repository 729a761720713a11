/**
 * The planted bugs. Each says what it stands for; a checker that misses one is not worth its time. They bend what crosses
 * the border of an engine, so a healthy engine in a bent world behaves like a broken one in a healthy world.
 */
import type { ChangeRow, Delta, ServerMessage } from "@tidelock/core";
import type { StoreBatch, StoredFacts } from "@tidelock/client/engine";
import type { HubEffect, Rules } from "@tidelock/server/engine";
import type { StoreModel } from "./store-model.ts";
import { CONFLICT_MUTANTS } from "./conflict-mutants.ts";
import type { MakeMutant, Mutant } from "./mutant.ts";
import { type StorageModel, storageWith } from "./storage-model.ts";

/** Every n-th call answers `true`. */
function everyNth(n: number): () => boolean {
  let count = 0;
  return () => {
    count += 1;
    return count % n === 0;
  };
}

// ── the server's disk ──────────────────────────────────────────────────────────────────────────────────────────────

/** Dedupe that believes the device: whatever it does not know to be decided is taken again. */
const appliesTwice: MakeMutant = () => {
  const known = new Map<string, number>();
  const receipts = new Set<string>();
  const isNew = ({ device, counter }: { device: string; counter: number }): boolean => {
    const before = receipts.size;
    return receipts.add(`${device} ${counter}`).size > before;
  };
  return {
    name: "push applied twice",
    hubInput: (input) => {
      if (input.type === "session-opened") known.set(input.hello.device, input.hello.decided);
      return [input];
    },
    storage: (disk) =>
      storageWith(disk, {
        append: (commits) =>
          disk.append(commits.map((commit) => ({ ...commit, receipts: commit.receipts.filter(isNew) }))),
        readDevice: (tenant, device) => {
          const record = disk.readDevice(tenant, device);
          return record === null
            ? null
            : { ...record, decided: Math.min(record.decided, known.get(device) ?? record.decided) };
        },
        readReceipts: (tenant, device, after, limit) => {
          return disk
            .readReceipts(tenant, device, after, limit)
            .filter(({ counter }) => counter <= (known.get(device) ?? counter));
        },
      }),
  };
};

/** Deleted entities leave no tombstone: whoever has not heard of the delete brings them back. */
function forgetsTombstones(disk: StorageModel): StorageModel {
  return storageWith(disk, {
    readEntities: (tenant, keys) => disk.readEntities(tenant, keys).filter(({ row }) => row !== null),
  });
}

/** A reader that skips the newest event of a page: the late commit that nobody sees. */
function skipsInPages(disk: StorageModel): StorageModel {
  return storageWith(disk, {
    readEvents: (tenant, after, limit) => {
      const events = disk.readEvents(tenant, after, limit);
      return events.length > 2
        ? events.map((event, index) =>
            index === 1 && events[0] !== undefined ? { ...events[0], offset: event.offset } : event,
          )
        : events;
    },
  });
}

/** A snapshot that lacks its last row. */
function cutsSnapshots(disk: StorageModel): StorageModel {
  return storageWith(disk, {
    snapshot: (tenant, collection, filter, columns) => {
      const snapshot = disk.snapshot(tenant, collection, filter, columns);
      return { ...snapshot, chunks: snapshot.chunks.map(withoutLastRow) };
    },
  });
}

function withoutLastRow(chunk: string): string {
  const message = JSON.parse(chunk);
  return JSON.stringify({ ...message, rows: message.rows.slice(0, -1) });
}

// ── devices' disks ─────────────────────────────────────────────────────────────────────────────────────────────────

/** A store that loses some of the mutations that it was given. */
function losesMutations(disk: StoreModel): StoreModel {
  const isTime = everyNth(5);
  return {
    read: () => disk.read(),
    apply: (batch) =>
      disk.apply(
        batch.putMutations.length > 0 && isTime() ? { ...batch, putMutations: batch.putMutations.slice(1) } : batch,
      ),
  };
}

/** Facts are written at once, rows with the batch after: a crash between them leaves a checkpoint without its rows. */
function writesFactsFirst(disk: StoreModel): StoreModel {
  let late: Pick<StoreBatch, "put" | "remove"> = { put: [], remove: [] };
  return {
    read: () => {
      late = { put: [], remove: [] };
      return disk.read();
    },
    apply: (batch) => {
      disk.apply({ ...batch, put: late.put, remove: late.remove });
      late = { put: batch.put, remove: batch.remove };
    },
  };
}

/** A reload finds an older checkpoint's facts: what is integrated is asked for again, and counters are given twice. */
function forgetsCounters(disk: StoreModel): StoreModel {
  const older = (facts: StoredFacts): StoredFacts => ({ ...facts, counter: Math.max(0, facts.counter - 1) });
  return {
    apply: (batch) => disk.apply({ ...batch, removeMutations: batch.removeMutations }),
    read: () => {
      const stored = disk.read();
      return {
        ...stored,
        facts: stored.facts === null ? null : older(stored.facts),
        mutations: stored.mutations.slice(0, -1),
      };
    },
  };
}

// ── messages ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Bends the deltas of whole streams; `change` answers with what takes the delta's place. */
function deltas(name: string, change: (delta: Delta) => readonly ServerMessage[]): Mutant {
  return { name, down: (message) => (message.type === "delta" ? change(message) : [message]) };
}

/** Bends some changes within deltas. */
function changes(name: string, n: number, bend: (change: ChangeRow) => readonly ChangeRow[]): MakeMutant {
  return () => {
    const isTime = everyNth(n);
    return deltas(name, (delta) => [
      { ...delta, changes: delta.changes.flatMap((change) => (isTime() ? bend(change) : [change])) },
    ]);
  };
}

const halvesTransactions: MakeMutant = () =>
  deltas("half a transaction delivered", (delta) => {
    if (delta.subscription !== undefined || delta.changes.length < 2 || delta.to - delta.from < 2) return [delta];
    const middle = Math.ceil(delta.changes.length / 2);
    return [
      { ...delta, to: delta.to - 1, changes: delta.changes.slice(0, middle) },
      { ...delta, from: delta.to - 1, changes: delta.changes.slice(middle) },
    ];
  });

/** Only every other effect of a kind is carried out. */
function dropsEffects(name: string, n: number, isVictim: (effect: HubEffect) => boolean): MakeMutant {
  return () => {
    const isTime = everyNth(n);
    return { name, hubEffects: (effects) => effects.filter((effect) => !isVictim(effect) || !isTime()) };
  };
}

/** What the last connection brought comes again after the next one's welcome, as if it belonged to it. */
const acceptsOldMessages: MakeMutant = () => {
  const heard = new Map<string, ServerMessage[]>();
  return {
    name: "old connection's messages accepted",
    replicaInput: (input, device) => {
      if (input.type === "loaded") heard.delete(device);
      if (input.type !== "message") return [input];
      const before = heard.get(device) ?? [];
      if (input.message.type !== "welcome") {
        heard.set(device, [...before, input.message].slice(-12));
        return [input];
      }
      heard.set(device, []);
      const { connection } = input;
      return [input, ...before.map((message) => ({ type: "message" as const, connection, message }))];
    },
  };
};

// ── the list ───────────────────────────────────────────────────────────────────────────────────────────────────────

export const MUTANTS: readonly MakeMutant[] = [
  // The server.
  appliesTwice,
  () => ({ name: "acknowledged before the disk", hasEarlyAppends: true }),
  () => ({ name: "tombstones forgotten", storage: forgetsTombstones }),
  () => ({ name: "event skipped in the log's pages", storage: skipsInPages }),
  () => ({ name: "snapshot lacks a row", storage: cutsSnapshots }),
  () => ({
    name: "read rules ignored",
    hubOptions: (options) => ({ ...options, rules: withoutReads(options.rules ?? {}) }),
  }),
  () => ({
    name: "write rules ignored",
    hubOptions: (options) => ({ ...options, rules: withoutWrites(options.rules ?? {}) }),
  }),
  () => ({
    name: "stamps decided by arrival",
    hubInput: (input) => {
      if (input.type !== "message" || input.message.type !== "push") return [input];
      const mutations = input.message.mutations.map((row) => {
        const [counter, operation, collection, entity, fields, seen, stamp, remaining] = row;
        return [
          counter,
          operation,
          collection,
          entity,
          fields,
          seen,
          `${stamp.slice(0, 12)}ffff`,
          remaining,
        ] as unknown as typeof row;
      });
      return [{ ...input, message: { ...input.message, mutations } }];
    },
  }),
  () => ({
    name: "authors said to have seen nothing",
    hubInput: (input) => {
      if (input.type !== "message" || input.message.type !== "push") return [input];
      const mutations = input.message.mutations.map((row) => {
        const [counter, operation, collection, entity, fields, , stamp, remaining] = row;
        return [counter, operation, collection, entity, fields, 0, stamp, remaining] as unknown as typeof row;
      });
      return [{ ...input, message: { ...input.message, mutations } }];
    },
  }),
  dropsEffects("results never sent", 3, (effect) => effect.type === "send" && effect.message.type === "push-result"),
  dropsEffects("closed sessions linger in rooms", 1, (effect) => {
    return (
      effect.type === "send" &&
      effect.message.type === "presence" &&
      effect.message.members.some(([, , , , state]) => state === null)
    );
  }),
  dropsEffects("drained sockets never asked for", 1, (effect) => effect.type === "when-drained"),
  dropsEffects("snapshot without the delta to the stream", 1, (effect) => {
    return effect.type === "send" && effect.message.type === "delta" && effect.message.subscription !== undefined;
  }),
  dropsEffects("rows of a snapshot lost", 4, (effect) => effect.type === "send" && effect.message.type === "prepared"),

  // Deltas.
  changes("offset skipped in deltas", 4, () => []),
  changes("delta applied to another entity", 5, (change) => [
    [3, change[1], "hot-note" as (typeof change)[2], change[3]],
  ]),
  changes("withdrawn rows kept", 1, (change) => (change[0] === 3 ? [] : [change])),
  changes("deletes ignored", 1, (change) => (change[0] === 2 ? [] : [change])),
  changes("patch in the wrong column", 3, (change) => {
    return change[0] === 1
      ? [[1, change[1], change[2], change[3], change[4].map((part, index) => (index === 0 && part === 0 ? 1 : part))]]
      : [change];
  }),
  halvesTransactions,
  () =>
    deltas("checkpoint ahead of its changes", (delta) => [
      { ...delta, to: delta.to + (delta.subscription === undefined ? 1 : 0) },
    ]),

  // Devices.
  () => ({ name: "store loses saved mutations", store: losesMutations }),
  () => ({ name: "saved before the disk", hasEarlyPersists: true }),
  () => ({ name: "checkpoint stored before its rows", store: writesFactsFirst }),
  () => ({ name: "last mutation forgotten at reload", store: forgetsCounters }),
  () => ({
    name: "retry timer not armed again",
    replicaEffects: (effects) =>
      effects.filter((effect) => effect.type !== "set-timer" || effect.timer !== "reconnect"),
  }),
  () => ({
    name: "heartbeat not armed again",
    replicaEffects: (effects) =>
      effects.filter((effect) => effect.type !== "set-timer" || effect.timer !== "heartbeat"),
  }),
  acceptsOldMessages,
  () => ({
    name: "acknowledged before it is stored",
    replicaEffects: (effects) =>
      effects.map((effect) => {
        if (effect.type !== "send" || effect.message.type !== "ack") return effect;
        return { ...effect, message: { ...effect.message, offset: effect.message.offset + 1 } };
      }),
  }),
  () => ({
    name: "assigned ids lost",
    down: (message) => {
      if (message.type !== "push-result" && message.type !== "welcome") return [message];
      const results = message.results.map((row) =>
        row[3]?.entity === undefined ? row : ([row[0], row[1], row[2]] as const),
      );
      return [{ ...message, results }];
    },
  }),
  () => ({
    name: "rejections reported as applied",
    down: (message) => {
      if (message.type !== "push-result") return [message];
      return [
        {
          ...message,
          results: message.results.map((row) => (row[1] === "rejected" ? ([row[0], "applied", row[2]] as const) : row)),
        },
      ];
    },
  }),
  () => ({
    name: "missed results not repeated in welcome",
    down: (message) => [message.type === "welcome" ? { ...message, results: [] } : message],
  }),
  () => ({
    name: "changes not announced",
    replicaEffects: (effects) => effects.filter(({ type }) => type !== "changed"),
  }),
  ...CONFLICT_MUTANTS,
];

function withoutReads(rules: Rules): Rules {
  return Object.fromEntries(
    Object.entries(rules).map(([name, { write } = {}]) => [name, write === undefined ? {} : { write }]),
  );
}

function withoutWrites(rules: Rules): Rules {
  return Object.fromEntries(
    Object.entries(rules).map(([name, { read } = {}]) => [name, read === undefined ? {} : { read }]),
  );
}
