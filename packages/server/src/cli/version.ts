/** The version of this package. Read here and not taken from the server's modules, which take their time to load. */
import { readFileSync } from "node:fs";

export const version: string = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
