/** Characters of an item. Longer ones are notes. */
export const MAX_STEP_LENGTH = 200;
