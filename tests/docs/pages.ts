/**
 * The documentation as data: its pages, and the fenced blocks in them. A block is named by its first line when that is a
 * comment with a file name; blocks of one page with names are files of one project. A block after a line
 * `<!-- not checked: reason -->` is left alone.
 */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");

export interface Block {
  readonly page: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** The file that the block says it is. */
  readonly name: string | null;
  /** Why it is not checked. */
  readonly skipped: string | null;
}

/** Relative paths with slashes, sorted. */
export function pages(): string[] {
  return globSync(["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/**/*.md", "packages/*/README.md"], {
    cwd: root,
  })
    .map((path) => path.replaceAll("\\", "/"))
    .sort();
}

export function readPage(page: string): string {
  return readFileSync(join(root, page), "utf8");
}

export function blocksOf(page: string): Block[] {
  const text = readPage(page);
  const fence = /^(?:<!-- not checked: ([^\n]+) -->\n+)?```(\w*)[^\n]*\n([\s\S]*?)^```$/gm;
  return [...text.matchAll(fence)].map((match) => {
    const [whole, skipped, language = "", body = ""] = match;
    const fenceAt = match.index + whole.indexOf("```");
    return {
      page,
      line: text.slice(0, fenceAt).split("\n").length,
      language,
      text: body,
      name: /^\/\/ (\S+\.tsx?)$/m.exec(body.split("\n", 1)[0] ?? "")?.[1] ?? null,
      skipped: skipped ?? null,
    };
  });
}

export function allBlocks(): Block[] {
  return pages().flatMap(blocksOf);
}
