/** The same history given to another hub: in pushes cut otherwise, on a disk that is slow at other moments. */
import { fingerprint, type MutationRow, type Random } from "@tidelock/core";
import { tenant } from "../engine/names.ts";
import { chance, pick } from "./histories.ts";
import { type Entry, Server } from "./server.ts";

export function replay(entries: readonly Entry[], random: Random): Server {
  const server = new Server({ maxCachedEntities: pick(random, [1, 2, 1000]) });
  const opened = new Set<string>();
  for (const entry of entries) {
    server.now = entry.now;
    if (entry.kind === "sweep") {
      server.release();
      server.sweep();
      continue;
    }
    const { person, rows } = entry;
    if (!opened.has(person.device)) server.open(person.device, person);
    opened.add(person.device);
    for (const part of partsOf(rows, random)) {
      // Nobody has seen what is not on disk.
      if (part.some(([, , , , , seen]) => seen > server.head)) server.release();
      server.push(person.device, part);
      const roll = random.below(3);
      if (roll === 0) server.hold();
      else if (roll === 1) server.release();
    }
  }
  server.release();
  return server;
}

/** Whole transactions, some to a push. */
function partsOf(rows: readonly MutationRow[], random: Random): readonly (readonly MutationRow[])[] {
  const parts: MutationRow[][] = [[]];
  for (const row of rows) {
    parts.at(-1)?.push(row);
    if (row[7] === 0 && chance(random, 0.5)) parts.push([]);
  }
  return parts.filter((part) => part.length > 0);
}

/** All that a hub has on disk: its log, its entities with what their policies remember, its decisions. */
export function stateOf(server: Server): { readonly hash: string; readonly lines: readonly string[] } {
  const { disk } = server.rig;
  const events = disk.readEvents(tenant, 0, 1_000_000).map(({ offset, body }) => `${offset} ${body}`);
  const decisions = disk.readDecisions(tenant, {}, 1_000_000).map((decision) => JSON.stringify(decision));
  const names = new Set(
    server.turns.flatMap(({ events: all }) => all.map(({ collection, entity }) => `${collection} ${entity}`)),
  );
  const keys = [...names].sort().map((name) => name.split(" ") as [string, never]);
  const entities = disk.readEntities(tenant, keys).map((entity) => JSON.stringify(entity));
  const lines = [...events, ...decisions, ...entities];
  return { hash: fingerprint(lines.join("\n")), lines };
}
