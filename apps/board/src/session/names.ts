/** How users are called in sentences. */

/** `null` is somebody of whom only the log knows. */
export type NameOf = (user: string | null) => string;

/** Who is not known here, or not yet. */
export const SOMEBODY = "Somebody";
