/**
 * What a listener of the application has thrown in the middle of our work is thrown again by itself, as uncaught: the
 * session goes on reading where it was, and no other stream suffers.
 */
export function throwLater(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown;
  });
}
