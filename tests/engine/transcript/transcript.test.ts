/**
 * Transcripts: two or three devices and a hub, in text. Each file tells a story, with everything that it causes; a change
 * of behaviour is a change of these files, to be read as a diff. Made anew with `UPDATE=1 npm test -- tests/engine`.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { perform } from "./script.ts";

describe("transcripts", () => {
  for (const file of globSync("*.txt", { cwd: import.meta.dirname }).sort()) {
    test(file.replace(/\.txt$/, "").replaceAll("-", " "), () => {
      const path = resolve(import.meta.dirname, file);
      const script = readFileSync(path, "utf8");
      const story = perform(script);
      if (process.env["UPDATE"] === "1") writeFileSync(path, story);
      else assert.equal(story, script, "the story has changed; if it should have, run with UPDATE=1 and read the diff");
    });
  }
});
