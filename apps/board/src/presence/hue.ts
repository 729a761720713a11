/** The colour of a person or a label: always the same for the same name. The colours are in `styles/tokens.css`. */
const HUES = 10;
/** Chosen so that the people and the labels of the sample tasks get colours that differ. */
const SEED = 17_783;

export function hueOf(name: string): number {
  let hash = SEED;
  for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619);
  hash ^= hash >>> 15;
  return (hash >>> 0) % HUES;
}
