/**
 * The `AbortSignal` of the program that uses this library: the DOM's or Node.js's. Public types take it from here, so
 * that they compile in programs that have the types of neither; there a signal is what both have in common.
 */
export type AbortSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } } ? Signal : BareSignal;

interface BareSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}
