/**
 * The mutators of `domain.ts` again, in the plainest words: what each writes, given what it can see. The ids of entities
 * that a call makes are the engine's: here the n-th is called `made n`, and names it as the entity of an effect by `n`.
 */
import { type Row } from "./readings.ts";

export interface MutatorEffect {
  readonly operation: "create" | "update" | "delete";
  readonly collection: string;
  /** A number: the entity that the call made so many creates before. */
  readonly entity: string | number;
  readonly fields: Row;
}

export interface CallContext {
  readonly get: (collection: string, id: string) => Row | null;
  readonly user: string | null;
  /** As whom the user calls; on a device nobody knows. */
  readonly role: string | null;
  readonly location: "device" | "server";
}

type Effects = { readonly writes: readonly MutatorEffect[] } | { readonly refused: string };

function update(collection: string, entity: string, fields: Row): MutatorEffect {
  return { operation: "update", collection, entity, fields };
}

export function callEffects(name: string, args: Row, context: CallContext): Effects {
  switch (name) {
    case "addValue":
      return addValue(args, context);
    case "openCase":
      return openCase(args, context);
    case "gather":
      return gather(args, context);
    case "stumble":
      return stumble(args, context);
    default:
      return { refused: "unknown-mutator" };
  }
}

function addValue({ mark, by }: Row, { get }: CallContext): Effects {
  const known = get("marks", String(mark));
  if (known === null || Number(known["value"]) + Number(by) > 40) return { refused: "mutator-refused" };
  return { writes: [update("marks", String(mark), { value: Number(known["value"]) + Number(by) })] };
}

function openCase({ note, title, price = 0 }: Row, { get, user }: CallContext): Effects {
  const known = get("notes", String(note));
  const fields = {
    title: `${String(title)} of ${String(known?.["title"] ?? "nothing")}`,
    owner: user ?? "nobody",
    price,
  };
  const created: MutatorEffect = { operation: "create", collection: "cases", entity: "", fields };
  const closes = known !== null && known["done"] === false;
  return { writes: closes ? [created, update("notes", String(note), { done: true })] : [created] };
}

function gather({ boards = [], name, grade = 0 }: Row, { get, location, role }: CallContext): Effects {
  if (location === "server" && role === "guest") return { refused: "mutator-refused" };
  const fields = { name, members: boards, votes: { add: 1 } };
  const writes: MutatorEffect[] = [{ operation: "create", collection: "boards", entity: "", fields }];
  for (const board of boards as readonly string[]) {
    if (get("boards", board) === null) continue;
    writes.push(update("boards", board, { votes: { add: 1 }, members: { add: ["made 0"] }, grade }));
  }
  return { writes };
}

function stumble({ mark, step }: Row, { location }: CallContext): Effects {
  if (location === "device") return { writes: [update("marks", String(mark), { token: `stumbled ${String(step)}` })] };
  if (Math.abs(Number(step)) % 3 === 0) return { refused: "mutator-failed" };
  return { refused: Math.abs(Number(step)) % 3 === 1 ? "invalid-value" : "mutator-refused" };
}
