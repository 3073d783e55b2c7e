/** What a thrown value says, whatever it is: anything can be thrown, and its parts may throw themselves. Never throws. */
export function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) : String(thrown);
  } catch {
    return "something that cannot be shown";
  }
}
