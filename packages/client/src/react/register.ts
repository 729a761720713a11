/**
 * How hooks know an application's schema: declared once, next to the client, then every hook is typed.
 *
 *     declare module "@tidelock/client/react" {
 *       interface Register { schema: typeof schema }
 *     }
 */
import type { Schema } from "@tidelock/core";
import type { Client } from "../api/client.ts";

/** Applications add `schema: typeof schema`. */
export interface Register {}

/** The application's schema, or any schema where none was registered. */
export type RegisteredSchema = Register extends { readonly schema: infer Source extends Schema } ? Source : Schema;

/** The client of the application's schema, as hooks give it to functions. */
export type RegisteredClient = Client<RegisteredSchema>;
