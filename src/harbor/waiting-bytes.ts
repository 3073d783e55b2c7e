/** How many bytes wait for all neighbours together, looked at now and then: each link knows its own, and there are many. */
import type { RelayLink } from "./ports.js";

/** Bytes passed on after which it is looked anew. */
const LOOK_EVERY_BYTES = 1024 * 1024;

/** What a destination may still have waiting when too much waits in all. */
const LEAST_BYTES = 64 * 1024;

export class WaitingBytes {
  readonly #links: () => Iterable<RelayLink>;
  readonly #most: number;
  #unlooked = 0;
  #excess: number | undefined;

  /** `most`: from there on it is too much. */
  constructor(links: () => Iterable<RelayLink>, most: number) {
    this.#links = links;
    this.#most = most;
  }

  get now(): number {
    let bytes = 0;
    for (const link of this.#links()) bytes += link.waitingBytes;
    return bytes;
  }

  /** Hot path. Whether too much waits in all, as of the last look. */
  get isExcessive(): boolean {
    return this.#excess !== undefined;
  }

  /** Hot path. */
  passed(bytes: number): void {
    this.#unlooked += bytes;
    if (this.#unlooked >= LOOK_EVERY_BYTES) this.#look();
  }

  /** Bytes that wait in all, when nothing more may join those for `link`. */
  excessFor(link: RelayLink): number | undefined {
    if (this.#excess !== undefined) this.#look();
    return link.waitingBytes > LEAST_BYTES ? this.#excess : undefined;
  }

  #look(): void {
    this.#unlooked = 0;
    const bytes = this.now;
    this.#excess = bytes > this.#most ? bytes : undefined;
  }
}
