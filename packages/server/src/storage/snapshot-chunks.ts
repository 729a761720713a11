/**
 * Builds the chunks of a snapshot: each the text of a whole `rows` message, put together from the stored texts without
 * parsing them. Ids and collection names need no escaping (`core/ids.ts`). It does not know where the rows come from.
 */
import { compileFilter, type Columns, type Filter, isEverything, type JsonValue, type Offset } from "@tidelock/core";

/** Characters after which a chunk is closed: small enough to be sent between deltas, large enough to cost nothing. */
export const CHUNK_CHARACTERS = 128 * 1024;

export class SnapshotChunks {
  readonly #start: string;
  readonly #give: (chunk: string) => void;
  #text = "";

  /** `give` gets every chunk as soon as it is full, the last one at `end`. */
  constructor(collection: string, offset: Offset, give: (chunk: string) => void) {
    this.#start = `{"type":"rows","collection":"${collection}","offset":${offset},"rows":[`;
    this.#give = give;
  }

  add(id: string, at: Offset, row: string): void {
    this.#text += this.#text === "" ? this.#start : ",";
    this.#text += `["${id}",${at},${row}]`;
    if (this.#text.length >= CHUNK_CHARACTERS) this.end();
  }

  end(): void {
    if (this.#text === "") return;
    this.#give(`${this.#text}]}`);
    this.#text = "";
  }
}

/** Tells of a stored row whether it matches; `null` when every row does, so that none needs to be parsed. */
export function rowMatcher(
  filter: Filter,
  columns: Columns,
  defaults: readonly JsonValue[],
): ((id: string, row: string) => boolean) | null {
  if (isEverything(filter)) return null;
  const matches = compileFilter(filter, columns);
  return (id, row) => {
    const values: readonly JsonValue[] = JSON.parse(row);
    return matches(id, values.length < columns.length ? [...values, ...defaults.slice(values.length)] : values);
  };
}
