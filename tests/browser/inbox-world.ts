/**
 * A ferry company whose people write the same things at the same time: a server with the inbox, devices that were away
 * when the others wrote, and the conflicts that come of it. For tests of the inbox, and for its pictures.
 */
import { type Client, createClient } from "@tidelock/client";
import {
  askSomeone,
  because,
  collection,
  defineRule,
  defineSchema,
  field,
  type JsonObject,
  type JsonValue,
  review,
} from "@tidelock/core";
import { createServer, type TidelockServer } from "@tidelock/server";
import { memoryStorage } from "@tidelock/server/memory";
import { builtApp } from "../../scripts/demo/built-app.ts";

const HOUR_MS = 60 * 60 * 1000;
export const TENANT = "skerry-line";

/** Two times that are close are one plan that moved; far ones are two plans. */
const samePlan = defineRule<number>({
  name: "same-plan",
  version: 2,
  decide: ({ current, incoming }) =>
    Math.abs(current.value - incoming.value) <= HOUR_MS / 2
      ? because(Math.max(current.value, incoming.value), "the later of two close times")
      : askSomeone("the two times are more than half an hour apart, so they are two plans"),
});

export const schema = defineSchema({
  version: 3,
  collections: {
    departures: collection(
      {
        name: field.string(),
        leavesAt: field.timestamp().policy(samePlan),
        gate: field
          .enum(["north_pier", "south_pier", "car_deck"])
          .default("north_pier")
          .policy(review({ dueAfterMs: 3 * HOUR_MS })),
        ship: field.reference("ships").optional().policy(review()),
        stops: field.set(field.string()),
        isFull: field.boolean().default(false),
        seats: field.integer().default(120),
      },
      { onDelete: "review" },
    ),
    fares: collection({
      name: field.string(),
      price: field.number().policy(review({ dueAfterMs: 24 * HOUR_MS, onExpiry: "latest" })),
      isRefundable: field.boolean().default(false).policy(review()),
      validFrom: field
        .timestamp()
        .optional()
        .policy(review({ dueAfterMs: 72 * HOUR_MS })),
      conditions: field.json().optional().policy(review()),
      code: field.string().default("").policy(review()),
    }),
    notices: collection({
      title: field.string(),
      text: field
        .string()
        .default("")
        .policy(review({ dueAfterMs: 5 * HOUR_MS })),
      piers: field.set(field.string()),
      author: field.reference("people").optional(),
      isUrgent: field.boolean().default(false),
    }),
    ships: collection({ name: field.string(), seats: field.integer() }),
    people: collection({ name: field.string() }),
  },
});

export type Device = Client<typeof schema>;

const PEOPLE: Readonly<Record<string, string>> = {
  mira: "Mira Solberg",
  jonas: "Jonas Berg",
  noor: "Noor Haddad",
  tomas: "Tomas Sand",
};

const now = Date.now;

/**
 * Moves this process's clock, so that a whole morning can be told in a second: what is written some hours ago is then also
 * received and held for review some hours ago.
 */
export const clock = {
  isInstalled: false,
  hoursAgo: 0,
  install(): void {
    this.isInstalled = true;
    Date.now = () => now() - this.hoursAgo * HOUR_MS;
  },
};

interface Write {
  readonly operation: "create" | "update" | "delete";
  readonly collection: string;
  readonly id: string;
  readonly fields?: JsonObject;
}

export class InboxWorld {
  readonly server: TidelockServer;
  readonly url: string;
  readonly port: number;
  readonly #revoked: Set<string>;
  readonly #clients: Device[] = [];
  #mutations = 0;

  private constructor(server: TidelockServer, url: string, port: number, revoked: Set<string>) {
    this.server = server;
    this.url = url;
    this.port = port;
    this.#revoked = revoked;
  }

  static async start(): Promise<InboxWorld> {
    await builtApp("inbox", () => {});
    const revoked = new Set<string>();
    const server = createServer({
      schema,
      storage: memoryStorage(),
      logger: false,
      // The token is the user's id, and what tells several tokens of a user apart: `mira`, `mira.2`.
      authenticate: (token) => {
        const [user = ""] = token.split(".");
        if (!/^[a-z]+$/.test(user) || revoked.has(token)) throw new Error("not a token");
        return { tenant: TENANT, user };
      },
      rules: { fares: { review: ({ user }) => user !== "guest" || "guests only look" } },
    });
    const address = await server.listen(0);
    const world = new InboxWorld(server, address.url.replace("127.0.0.1", "localhost"), address.port, revoked);
    await world.write(
      "mira",
      Object.entries(PEOPLE).map(([id, name]) => create("people", id, { name })),
    );
    return world;
  }

  /** From now on a token is none any more. */
  revoke(token: string): void {
    this.#revoked.add(token);
  }

  /** The address of the inbox for somebody. */
  inbox(user: string): string {
    return `${this.url}/inbox/#token=${user}`;
  }

  /** A device of somebody, connected. */
  device(user: string): Device {
    const client = createClient({ url: this.url, schema, auth: user });
    this.#clients.push(client);
    return client;
  }

  /**
   * Writes as a device of somebody, some time ago.
   * @param seen what the device had seen: the version of an earlier answer; everything when not given
   * @returns the version afterwards
   */
  async write(
    user: string,
    writes: readonly Write[],
    { device = `${user}-tablet`, hoursAgo = 0, seen }: { device?: string; hoursAgo?: number; seen?: string } = {},
  ): Promise<string> {
    if (clock.isInstalled) clock.hoursAgo = hoursAgo;
    const version = seen ?? (await this.#checkpoint(user, device));
    const mutations = writes.map(({ operation, collection, id, fields = {} }) => {
      this.#mutations += 1;
      return {
        temp_id: `m${this.#mutations}`,
        entity_id: id,
        collection,
        operation,
        payload: fields,
        ...(operation === "create" ? {} : { version }),
        occurred_at: new Date(now() - hoursAgo * HOUR_MS).toISOString(),
      };
    });
    const { rejected } = await this.#reconcile(user, { device_id: device, last_ack_version: null, mutations });
    if (rejected.length > 0) throw new Error(JSON.stringify(rejected));
    const after = await this.#checkpoint(user, device);
    clock.hoursAgo = 0;
    return after;
  }

  /** Two people write a field without having seen each other's value: the first one's stands. */
  async conflict(
    collection: string,
    id: string,
    name: string,
    values: ReadonlyArray<readonly [user: string, value: JsonValue, hoursAgo?: number]>,
  ): Promise<void> {
    const seen = await this.#checkpoint("mira", "mira-tablet");
    for (const [user, value, hoursAgo = 0] of values) {
      await this.write(user, [update(collection, id, { [name]: value })], { seen, hoursAgo });
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.server.close();
  }

  /** The version of somebody who has seen everything. */
  async #checkpoint(user: string, device: string): Promise<string> {
    for (let last: string | null = null; ;) {
      const answer = await this.#reconcile(user, { device_id: device, last_ack_version: last, mutations: [] });
      last = answer.checkpoint;
      if (!answer.has_more) return last;
    }
  }

  async #reconcile(user: string, body: object): Promise<Answer> {
    const response = await fetch(`${this.url}/sync/reconcile`, {
      method: "POST",
      headers: { "authorization": `Bearer ${user}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Answer;
  }
}

interface Answer {
  readonly rejected: readonly unknown[];
  readonly checkpoint: string;
  readonly has_more: boolean;
}

export function create(collection: string, id: string, fields: JsonObject): Write {
  return { operation: "create", collection, id, fields };
}
export function update(collection: string, id: string, fields: JsonObject): Write {
  return { operation: "update", collection, id, fields };
}
export function remove(collection: string, id: string): Write {
  return { operation: "delete", collection, id };
}
