/**
 * The error catalogue: every code that a user, a client or an operator can meet, what it means, and what to do next.
 * `docs/ERRORS.md` lists the same codes; `npm run check` compares the two.
 *
 * Codes are part of the protocol and are never reused for another meaning.
 */
export interface ErrorEntry {
  /** HTTP status when the code is an answer to a request. */
  readonly http: number;
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
  /** What happened, as a sentence. */
  readonly message: string;
  /** What the reader can do about it. */
  readonly fix: string;
}

function entry(http: number, retryable: boolean, message: string, fix: string): ErrorEntry {
  return { http, retryable, message, fix };
}

export const ERRORS = {
  // What arrives is not what the protocol says.
  "malformed-frame": entry(400, false, "The bytes are not a message.", "Send JSON, or CBOR on the binary subprotocol."),
  "frame-too-large": entry(
    413,
    false,
    "The message is larger than allowed.",
    "Send smaller pushes; the limit is in `welcome`.",
  ),
  "invalid-message": entry(
    400,
    false,
    "The message does not have the form that the protocol gives it.",
    "Compare it with docs/PROTOCOL.md; `message` names the part.",
  ),
  "hello-expected": entry(
    400,
    false,
    "The first message of a session is `hello`.",
    "Send `hello` once, before anything else.",
  ),
  "hello-timeout": entry(408, true, "No `hello` came in time.", "Connect again and send `hello` at once."),
  "upgrade-required": entry(
    426,
    false,
    "This client speaks a protocol or has a schema that the server no longer accepts.",
    "Update the application; unsent work is kept.",
  ),
  "schema-ahead": entry(
    503,
    true,
    "This client has a newer schema than the server.",
    "Wait until the server has been updated; unsent work is kept.",
  ),
  "origin-forbidden": entry(
    403,
    false,
    "Pages of this origin may not connect.",
    "Add the origin to `origins` in the server's configuration.",
  ),

  // Who is asking.
  "token-missing": entry(
    401,
    false,
    "There is no token.",
    "Send `Authorization: Bearer …`, or the token in `hello`; never in the address.",
  ),
  "token-invalid": entry(
    401,
    false,
    "The token cannot be verified.",
    "Get a new token from whoever issues them; check secret, key set, issuer and audience.",
  ),
  "token-expired": entry(
    401,
    false,
    "The token has expired.",
    "Get a new token and send it with `auth`, or connect again.",
  ),
  "device-invalid": entry(
    400,
    false,
    "The device id is missing or not a name.",
    "Use 1 to 64 characters of A-Z a-z 0-9 _ . -",
  ),
  "device-taken": entry(
    403,
    false,
    "The device is registered to another user.",
    "Use a new device id; one installation belongs to one user.",
  ),
  "forbidden": entry(
    403,
    false,
    "A rule does not allow this.",
    "Ask for the right, or change the rule in the server's configuration.",
  ),
  "rule-failed": entry(
    403,
    false,
    "A rule threw an error, so the operation was refused.",
    "Mend the rule; the server's log has the error.",
  ),

  // Mutations that are refused, one by one.
  "unknown-collection": entry(
    422,
    false,
    "The schema has no such collection.",
    "Check the name and the schema version.",
  ),
  "unknown-field": entry(422, false, "The collection has no such field.", "Check the name and the schema version."),
  "unknown-operation": entry(422, false, "There is no such operation.", "Use create, update or delete."),
  "invalid-value": entry(
    422,
    false,
    "A value does not fit its field.",
    "`message` names the field and what it accepts.",
  ),
  "invalid-id": entry(
    422,
    false,
    "The entity id cannot be used here.",
    "Use up to 128 characters of A-Z a-z 0-9 _ . : -; leave it out where the server assigns ids.",
  ),
  "entity-exists": entry(
    409,
    false,
    "There already is an entity with this id.",
    "Update it, or create one with a new id.",
  ),
  "entity-not-found": entry(
    404,
    false,
    "There is no entity with this id.",
    "Create it first; it may have been refused or belong to another tenant.",
  ),
  "entity-deleted": entry(
    410,
    false,
    "The entity has been deleted.",
    "Create a new one; deleted ids are not used again.",
  ),
  "withdrawn": entry(
    410,
    false,
    "The mutation was taken back on its device before it was sent.",
    "Look at the device's refused writes: the reason is there.",
  ),
  "review-closed": entry(
    409,
    false,
    "The review has been decided already.",
    "`message` says by whom and how; write the field again if that is wrong.",
  ),
  "review-changed": entry(
    409,
    false,
    "Another value came into the review after you looked at it.",
    "Look at the review again, then decide; send the version of the review that you saw.",
  ),
  "review-full": entry(
    429,
    false,
    "As many values wait for this decision as a review may hold.",
    "Have the review decided, then write again.",
  ),
  "unknown-mutator": entry(
    422,
    false,
    "The schema has no such mutator.",
    "Check the name, and that server and application have the same schema.",
  ),
  "mutator-refused": entry(
    422,
    false,
    "The mutator refused what it was called for.",
    "`message` is its reason; nothing was changed.",
  ),
  "mutator-failed": entry(
    500,
    false,
    "The mutator threw an error, so nothing was changed.",
    "Mend the mutator; the server's log has the error.",
  ),
  "transaction-failed": entry(
    409,
    false,
    "Another mutation of the same transaction was refused, so this one was too.",
    "Mend the one that `message` names, then send all again.",
  ),
  "transaction-broken": entry(
    400,
    false,
    "The mutations of a transaction do not stand together.",
    "Send all mutations of a transaction in one push, counting `remaining` down to 0.",
  ),
  "migration-failed": entry(
    422,
    false,
    "A migration of the schema could not translate this mutation.",
    "Mend the migration; the mutation is kept as it was written, among the device's refused writes.",
  ),
  "mutation-too-large": entry(
    413,
    false,
    "The values of one mutation are too large.",
    "Split it, or keep large content elsewhere and store its address.",
  ),
  "entity-too-large": entry(
    413,
    false,
    "The entity would be larger than an entity may be.",
    "Move parts of it into entities of their own, or keep large content elsewhere and store its address.",
  ),
  "result-pruned": entry(
    410,
    false,
    "The mutation was decided long ago and its result is no longer kept.",
    "Treat it as done; the entity's state is the answer.",
  ),

  // Order, versions and checkpoints.
  "counter-gap": entry(
    409,
    true,
    "A mutation before this one has not arrived.",
    "Send the device's mutations in order, from the counter that `welcome` names.",
  ),
  "version-invalid": entry(
    400,
    false,
    "The version or checkpoint cannot be read, or names what this log does not have.",
    "Send back versions exactly as the server gave them.",
  ),
  "checkpoint-expired": entry(
    410,
    false,
    "The log no longer reaches back to this checkpoint.",
    "Take the snapshot that follows; the outbox is kept.",
  ),
  "epoch-changed": entry(
    409,
    false,
    "The checkpoint belongs to another incarnation of the log.",
    "Take the snapshot that follows; the outbox is kept.",
  ),

  // Bounds and load.
  "rate-limited": entry(
    429,
    true,
    "Too many messages or mutations in a short time.",
    "Wait as long as `retryAfterMs` says.",
  ),
  "overloaded": entry(
    503,
    true,
    "More work is waiting than the server may hold.",
    "Wait as long as `retryAfterMs` says.",
  ),
  "too-many-connections": entry(
    503,
    true,
    "The server holds as many connections as it may.",
    "Try again later, or raise the limit.",
  ),
  "too-many-subscriptions": entry(
    429,
    false,
    "A session has as many subscriptions as it may.",
    "Unsubscribe from what is not shown, or subscribe to more at once with a wider filter.",
  ),
  "too-many-rooms": entry(429, false, "A session is in as many rooms as it may.", "Leave a room first."),
  "invalid-filter": entry(422, false, "The filter cannot be used.", "`message` says which part and why."),
  "presence-too-large": entry(
    413,
    false,
    "The presence state is larger than 4 KiB.",
    "Keep presence small; store the rest in an entity.",
  ),
  "slow-consumer": entry(
    503,
    true,
    "The session read too slowly and was closed.",
    "Connect again; delivery resumes from the checkpoint.",
  ),
  "session-replaced": entry(
    409,
    true,
    "The same device opened another session, which takes over.",
    "Use one device id per running copy of the application.",
  ),
  "rights-changed": entry(
    409,
    true,
    "What the user may see has changed.",
    "Connect again: what is still allowed follows, what is not is withdrawn.",
  ),
  "session-idle": entry(408, true, "Nothing was heard from the session for too long.", "Connect again; answer pings."),

  // The server.
  "shutting-down": entry(
    503,
    true,
    "The server is closing.",
    "Connect again after `retryAfterMs`; another node, or the next start, takes over.",
  ),
  "storage-unavailable": entry(
    503,
    true,
    "The storage did not accept a commit.",
    "Look at the server's log: disk full, disk error, or a locked file.",
  ),
  "internal": entry(
    500,
    true,
    "Something failed that should not.",
    "Look at the server's log for the same moment and report it.",
  ),
  "not-found": entry(404, false, "There is nothing at this address.", "GET /openapi.json lists what there is."),
  "method-not-allowed": entry(
    405,
    false,
    "This address does not take that method.",
    "GET /openapi.json lists what there is.",
  ),
  "unsupported-media-type": entry(
    415,
    false,
    "The body must be application/json.",
    "Send `Content-Type: application/json`.",
  ),

  // Declarations and configuration.
  "schema-invalid": entry(500, false, "The schema cannot be used.", "`message` names the collection and field."),
  "config-invalid": entry(
    500,
    false,
    "The configuration cannot be used.",
    "`message` names the entry and what it accepts.",
  ),
  "secret-missing": entry(
    500,
    false,
    "There is no way to verify tokens.",
    "Set `auth.secret` or `auth.jwks`, or run `tidelock dev`.",
  ),
  "port-in-use": entry(
    500,
    true,
    "Another process listens on the port.",
    "Stop it, or choose another port with --port or PORT.",
  ),
  "data-in-use": entry(
    500,
    true,
    "Another process holds the data file.",
    "Stop the other server, or choose another data file.",
  ),
  "data-newer": entry(
    500,
    false,
    "The data was written by a newer version.",
    "Install that version or a later one; older ones cannot read it.",
  ),
  "server-unreachable": entry(
    500,
    true,
    "No server answers at the address.",
    "Check the address, and that the server is running.",
  ),

  // On a device.
  "client-closed": entry(500, false, "The client has been closed.", "Make a new one with `createClient`."),
  "store-unavailable": entry(
    500,
    true,
    "The device's store cannot be opened or written.",
    "Check private mode, permissions and free space; the change is not saved.",
  ),
  "store-quota": entry(507, true, "The device's store is full.", "Free space on the device; the change is not saved."),
  "store-corrupt": entry(
    500,
    false,
    "The device's store holds what cannot be read.",
    "Export what is left and start with an empty store.",
  ),
  "store-newer": entry(
    500,
    false,
    "The device's store was written by a newer version of the application.",
    "Start that version or a later one; nothing in the store was changed.",
  ),
  "outbox-full": entry(
    507,
    true,
    "The outbox holds as many mutations as it may.",
    "Wait until the device is online again.",
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** Whether something has the form of a code, of this catalogue or of a newer one. */
export function isErrorWord(word: unknown): word is ErrorCode {
  return typeof word === "string" && /^[a-z][a-z0-9-]{0,63}$/.test(word);
}

/** A code of this catalogue; `internal` for one that only a newer peer knows. */
export function knownCode(code: string): ErrorCode {
  return isErrorCode(code) ? code : "internal";
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code);
}

const MAX_MESSAGE_LENGTH = 500;

/**
 * A message for a peer. It may quote what came from outside, which may be megabytes and half a character: it is cut and
 * made well-formed, so that it stays within what the protocol allows a message to be.
 */
export function boundedMessage(text: string): string {
  return text.slice(0, MAX_MESSAGE_LENGTH).toWellFormed();
}

/** An error with a code of the catalogue. `detail` says what the catalogue cannot know: the name, the value, the limit. */
export class TidelockError extends Error {
  override readonly name = "TidelockError";
  readonly code: ErrorCode;
  readonly detail: string;

  constructor(code: ErrorCode, detail = "", options?: ErrorOptions) {
    super(`${code}: ${detail === "" ? ERRORS[code].message : detail}`, options);
    this.code = code;
    this.detail = detail;
  }

  get fix(): string {
    return ERRORS[this.code].fix;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}
