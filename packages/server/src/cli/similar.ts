/** What somebody may have meant: the known words nearest to a mistyped one. */

/** More edits than this share of the word make another word. */
const MAX_SHARE = 0.4;
const MAX_SUGGESTIONS = 3;

/** Known words that are nearly `word`, or contain it; the nearest first. */
export function similarWords(word: string, known: readonly string[]): string[] {
  const asked = word.toLowerCase();
  return known
    .map((candidate) => ({ candidate, distance: distanceOf(asked, candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= MAX_SHARE)
    .sort((left, right) => left.distance - right.distance)
    .slice(0, MAX_SUGGESTIONS)
    .map(({ candidate }) => candidate);
}

/** `Did you mean a, b or c?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const similar = similarWords(word, known);
  if (similar.length === 0) return "";
  const last = similar.at(-1);
  const list = similar.length === 1 ? last : `${similar.slice(0, -1).join(", ")} or ${last}`;
  return `Did you mean ${list}?`;
}

function distanceOf(asked: string, candidate: string): number {
  if (asked.length >= 3 && candidate.includes(asked)) return 0.2;
  return editsBetween(asked, candidate) / Math.max(asked.length, candidate.length);
}

/** Insertions, deletions, replacements and swaps of neighbours (Damerau 1964, optimal string alignment). */
function editsBetween(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const next = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let edits = Math.min(
        (last[column] ?? 0) + 1,
        (next[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]) {
        edits = Math.min(edits, (beforeLast[column - 2] ?? 0) + 1);
      }
      next.push(edits);
    }
    beforeLast = last;
    last = next;
  }
  return last[right.length] ?? 0;
}
