/**
 * Writes the golden vectors (`packages/core/vectors/*.json`) and `WIRE_FINGERPRINT` anew from the code: `npm run vectors`.
 * What changes shows as a diff; commit it only when the change of the wire is meant. The inputs are in `vectors/`; the
 * tests of core replay the files, and so can a client in any language.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { canonicalJson, CLIENT_MESSAGE, fingerprint, SERVER_MESSAGE } from "@tidelock/core";
import { filterVectors } from "./vectors/filters.ts";
import { hlcVectors, resolveVectors, versionVectors } from "./vectors/time-and-versions.ts";
import { messageVectors } from "./vectors/messages.ts";
import { canonicalVectors, cborVectors, idVectors } from "./vectors/values.ts";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, "packages/core/vectors");
const versionFile = join(root, "packages/core/src/protocol/version.ts");

function writeVectors(name: string, vectors: object): void {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(vectors, null, 2)}\n`);
}

function writeFingerprint(): void {
  const found = fingerprint(canonicalJson([CLIENT_MESSAGE.jsonSchema, SERVER_MESSAGE.jsonSchema]));
  const before = readFileSync(versionFile, "utf8");
  const after = before.replace(/(WIRE_FINGERPRINT = )"[^"]*"/, `$1"${found}"`);
  if (after === before) return;
  writeFileSync(versionFile, after);
  console.log(`The shape of the wire has changed: WIRE_FINGERPRINT is now ${found}.`);
}

mkdirSync(folder, { recursive: true });
writeVectors("messages", messageVectors());
writeVectors("cbor", cborVectors());
writeVectors("canonical", canonicalVectors());
writeVectors("ids", idVectors());
writeVectors("hlc", hlcVectors());
writeVectors("versions", versionVectors());
writeVectors("filters", filterVectors());
writeVectors("resolve", resolveVectors());
writeFingerprint();
