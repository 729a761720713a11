/**
 * A 53-bit non-cryptographic hash for fingerprints (schema, wire schema, state in tests). It finds accidents, not
 * attackers: nothing is trusted because its fingerprint matches.
 * Source: the multiply-and-shift mixing of MurmurHash3's 64-bit finalizer, done as two 32-bit lanes.
 */
export function fingerprint(text: string): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  const value = 4294967296 * (2097151 & low) + (high >>> 0);
  return value.toString(36).padStart(11, "0");
}
