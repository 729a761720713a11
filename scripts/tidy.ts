/**
 * House rules that no off-the-shelf linter knows; one module per rule in `tidy/`. Part of `npm run check`.
 *
 * Errors fail the check. Hints (long functions) are printed only with `--hints`.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { checkAddresses } from "./tidy/addresses.ts";
import { checkDrawers } from "./tidy/drawers.ts";
import { checkErrorCodes } from "./tidy/error-codes.ts";
import { type Finding, listFiles, listAllFiles } from "./tidy/files.ts";
import { checkLength } from "./tidy/length.ts";
import { checkLinks } from "./tidy/links.ts";
import { checkPurity } from "./tidy/purity.ts";

const root = resolve(import.meta.dirname, "..");
const files = listFiles(root);
const allFiles = listAllFiles(root);
const readText = (path: string): string => readFileSync(resolve(root, path), "utf8");

const findings: Finding[] = [
  ...files.flatMap((path) => checkDrawers(path)),
  ...checkErrorCodes(files, readText),
  ...files.flatMap((path) => checkAddresses(path, readText)),
  ...files.flatMap((path) => checkLength(path, readText)),
  ...files.flatMap((path) => checkPurity(path, readText)),
  ...files.flatMap((path) => checkLinks(path, allFiles, readText)),
];

const errors = findings.filter(({ hint }) => hint !== true);
const hints = findings.filter(({ hint }) => hint === true);
const shown = process.argv.includes("--hints") ? findings : errors;
for (const { path, line, rule, text } of shown) console.log(`${path}:${line}  ${text}  (${rule})`);
const hintNote = hints.length > 0 ? `, ${hints.length} hints (node scripts/tidy.ts --hints)` : "";
console.log(`tidy: ${files.length} files, ${errors.length} errors${hintNote}`);
process.exitCode = errors.length > 0 ? 1 : 0;
