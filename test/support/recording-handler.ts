/** A connection handler that remembers what it was told, and lets a test wait for it. */
import type { ConnectionHandler } from "../../src/transport/transport.js";

export class RecordingHandler implements ConnectionHandler {
  readonly chunks: Buffer[] = [];
  /** One entry for each `onClose`: more than one is a defect. */
  readonly closings: (Error | undefined)[] = [];
  byteCount = 0;
  drains = 0;
  readonly #hooks: Partial<ConnectionHandler>;
  readonly #waiting = new Set<() => void>();

  /** `hooks` are called after the event was recorded. */
  constructor(hooks: Partial<ConnectionHandler> = {}) {
    this.#hooks = hooks;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }

  /** Resolves once `condition` holds; it is looked at after each event. */
  until(condition: (handler: this) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition(this)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Resolves with what `onClose` was given. */
  async closed(): Promise<Error | undefined> {
    await this.until((handler) => handler.closings.length > 0);
    return this.closings[0];
  }

  onData(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.byteCount += chunk.length;
    this.#hooks.onData?.(chunk);
    this.#look();
  }

  onDrain(): void {
    this.drains++;
    this.#hooks.onDrain?.();
    this.#look();
  }

  onClose(error: Error | undefined): void {
    this.closings.push(error);
    this.#hooks.onClose?.(error);
    this.#look();
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** Lets whatever is due happen: what would come wrongly, comes now. */
export async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
