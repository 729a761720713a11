/**
 * Positions: a card's place is a fraction in base 62, written as text, so that a card can be put between any two others by
 * changing nothing but itself (Figma, "Realtime editing of ordered sequences", 2017). Text is compared by code unit.
 *
 * Two people who put cards into the same gap at once would choose the same middle, and no card could ever be put between
 * those two. So every position ends in random digits.
 */
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE = DIGITS.length;
const RANDOM_DIGITS = 2;

/**
 * A position after `before` and ahead of `after`; `null` is the end on that side. Where no position fits (equal
 * neighbours, or text that is no position), the result is after `before`.
 *
 * @param random numbers from 0 up to, but not including, 1
 */
export function positionBetween(before: string | null, after: string | null, random: () => number): string {
  let position = "";
  let ceiling = after !== null && before !== null && before >= after ? null : after;
  const isAtEnd = ceiling === null;
  const isAtStart = before === null;
  for (let index = 0; ; index++) {
    const low = digitAt(before, index);
    const high = ceiling === null ? BASE : digitAt(ceiling, index);
    if (high - low > 1) {
      const digit = isAtEnd ? low + 1 : isAtStart ? high - 1 : Math.floor((low + high) / 2);
      return position + (DIGITS[digit] ?? "") + randomDigits(random);
    }
    position += DIGITS[low] ?? "";
    // From here on, everything is below the ceiling, unless the digits were the same.
    if (high > low || (ceiling !== null && index >= ceiling.length)) ceiling = null;
  }
}

/** Digits past the end of a fraction are zeros; other characters count as the next lower digit. */
function digitAt(position: string | null, index: number): number {
  const character = position?.[index];
  if (character === undefined) return 0;
  let digit = 0;
  for (let candidate = 1; candidate < BASE; candidate++) {
    if ((DIGITS[candidate] ?? "") <= character) digit = candidate;
  }
  return digit;
}

/** They do not end in 0: nothing would fit in front of such a fraction. */
function randomDigits(random: () => number): string {
  const digits = Array.from({ length: RANDOM_DIGITS }, (_, index) => {
    const least = index === RANDOM_DIGITS - 1 ? 1 : 0;
    return DIGITS[least + Math.floor(random() * (BASE - least))] ?? "";
  });
  return digits.join("");
}
