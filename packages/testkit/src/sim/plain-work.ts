/** What plain HTTP clients do: the same as devices, in requests; and some things that only such clients get wrong. */
import type { JsonValue, Random } from "@tidelock/core";
import { FORBIDDEN_TITLE } from "./domain.ts";
import type { PlainClient } from "./plain.ts";
import { between, chance, pick } from "./random.ts";
import { type CollectionName, hasServerIds, REVIEWS } from "./readings.ts";
import { candidatesOf } from "./reviewing.ts";
import type { Reviewers } from "./reviewers.ts";
import type { Workload } from "./workload.ts";

export class PlainWork {
  readonly #workload: Workload;
  readonly #reviewers: Reviewers;
  readonly #trueNow: () => number;

  constructor(workload: Workload, reviewers: Reviewers, trueNow: () => number) {
    this.#workload = workload;
    this.#reviewers = reviewers;
    this.#trueNow = trueNow;
  }

  /** Notes one or two mutations, which the next request takes along. */
  add(random: Random, client: PlainClient): void {
    const keys = [...client.rows.keys()];
    const roll = random.next();
    if (roll > 0.92) return this.#transfer(client);
    if (roll > 0.82) return this.#call(random, client);
    if (roll < 0.35 || keys.length === 0) return this.#create(random, client);
    const [collection = "marks", id = ""] = chance(random, 0.4)
      ? this.#workload.hot(random)
      : pick(random, keys).split("/");
    if (collection === REVIEWS) return this.#review(random, client, id);
    if (roll < 0.5) client.add("delete", collection, id, {});
    else if (roll < 0.57) client.add("update", collection, id, { title: FORBIDDEN_TITLE });
    else if (roll < 0.6) client.add("archive", collection, id, {});
    else client.add("update", collection, id, this.#fields(random, client, collection as CollectionName, id));
  }

  #transfer(client: PlainClient): void {
    const token = this.#workload.values.unique();
    const accounts = this.#workload.accounts();
    for (const [index, [collection, id]] of accounts.entries()) {
      client.add("update", collection, id, { token }, accounts.length - 1 - index);
    }
  }

  #create(random: Random, client: PlainClient): void {
    const name = this.#workload.any(random);
    const { values } = this.#workload;
    const entity = !hasServerIds(name) && chance(random, 0.5) ? values.clientId(random, 1_700_000_000_000) : null;
    const made = client.add("create", name, entity, this.#fields(random, client, name, null));
    if (chance(random, 0.4))
      client.add("update", name, entity ?? made, this.#fields(random, client, name, null, false));
    // The client's own name for what it makes, where an id is wanted.
    if (name === "boards" && chance(random, 0.3)) client.add("create", name, null, { parent: made, members: [made] });
  }

  #call(random: Random, client: PlainClient): void {
    const mark = pick(random, this.#workload.accounts())[1];
    const title = this.#workload.values.unique();
    const boards = this.#boards(client).slice(0, 2);
    const [name, args] = pick<readonly [string, Readonly<Record<string, JsonValue>>]>(random, [
      ["addValue", { mark, by: between(random, 1, 4) }],
      ["openCase", { note: "hot-note", title }],
      ["gather", { boards, name: title }],
      ["stumble", { mark, step: between(random, 0, 8) }],
    ]);
    client.add(name, "", null, args);
  }

  #review(random: Random, client: PlainClient, id: string): void {
    const review = client.rows.get(`${REVIEWS}/${id}`)?.fields ?? {};
    if (chance(random, 0.3)) {
      const { fields } = this.#reviewers.note(random, client.user, this.#trueNow());
      client.add("update", REVIEWS, id, fields);
      return;
    }
    const candidate = pick(random, candidatesOf(review)).id;
    client.add("decide", REVIEWS, id, { candidate });
  }

  #boards(client: PlainClient): readonly string[] {
    return [...client.rows.keys()].filter((key) => key.startsWith("boards/")).map((key) => key.slice(7));
  }

  #fields(
    random: Random,
    client: PlainClient,
    name: CollectionName,
    id: string | null,
    isNew: boolean = id === null,
  ): Readonly<Record<string, JsonValue>> {
    const seen = isNew ? null : (client.rows.get(`${name}/${id ?? ""}`)?.fields ?? {});
    return this.#workload.values.fields(random, name, { user: client.user, seen, boards: this.#boards(client) });
  }
}
