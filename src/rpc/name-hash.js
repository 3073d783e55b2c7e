/** The 32-bit FNV-1a hash of a name's UTF-8 bytes: how methods are named on the wire. Collisions are errors at generation and registration. */
export function nameHash(name) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
