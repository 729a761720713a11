/** Files and folders are named after what they hold; a drawer named `utils` holds anything. */
import type { Finding } from "./files.ts";

const DRAWERS = new Set(["util", "utils", "utilities", "common", "helper", "helpers", "misc", "stuff"]);

export function checkDrawers(path: string): Finding[] {
  const segments = path.split("/").map((segment) => segment.replace(/(\.(test|long|fuzz|bench))?\.[a-z]+$/, ""));
  const drawer = segments.find((segment) => DRAWERS.has(segment));
  const isTypes = /(^|\/)types\.tsx?$/.test(path);
  if (drawer === undefined && !isTypes) return [];
  const text = `"${drawer ?? "types"}" is a drawer: name the file after the concept that it holds`;
  return [{ path, line: 1, rule: "drawers", text }];
}
