/** The Tidelock client SDK: `createClient`, and the types of what it returns. React hooks are in `@tidelock/client/react`. */
export type * from "./api/client.ts";
export type * from "./api/conflicts.ts";
export { createClient } from "./api/create-client.ts";
export type {
  ConditionsOn,
  Direction,
  FieldOf,
  OrderBy,
  Query,
  QueryDescription,
  QueryOptions,
  Where,
} from "./api/query.ts";
export type { System } from "./runtime/system.ts";
export type { Durability, Store } from "./store/store.ts";
export type { Connection, Transport, TransportEvents } from "./transport/transport.ts";
