/** Waits for clients to go, but not for ever. */
const CLOSE_TIMEOUT_MS = 10_000;

/** Waits until `gone`; after `timeoutMs`, default 10,000, calls `cut`, which must bring it about. */
export async function closeWithin(gone: Promise<void>, timeoutMs: number = CLOSE_TIMEOUT_MS, cut: () => void): Promise<void> {
  const timer = setTimeout(cut, timeoutMs);
  try {
    await gone;
  } finally {
    clearTimeout(timer);
  }
}
