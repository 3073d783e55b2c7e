import { isThenable } from "../internal/is-thenable.js";

/** What a handler returned, when it is to be waited for. @throws what reading `then` throws: it is the user's object. */
export function promiseOf(value: unknown): Promise<unknown> | undefined {
  if (value instanceof Promise) return value;
  return isThenable(value) ? Promise.resolve(value) : undefined;
}
