/** Values by 32-bit sequence number, within a window that moves: one slot each, and no more memory than the window has needed. */
import { serialDiff } from "./serial.js";

const FIRST_SLOTS = 8;

/** `first` is the lowest sequence number that may be held. The owner keeps all others less than its window away. */
export class SerialRing<T> {
  #slots: (T | undefined)[] = [];
  #first: number;
  #size = 0;

  constructor(first: number) {
    this.#first = first;
  }

  get first(): number {
    return this.#first;
  }

  /** Values held. */
  get size(): number {
    return this.#size;
  }

  get(sequence: number): T | undefined {
    const distance = serialDiff(sequence, this.#first);
    return distance < 0 || distance >= this.#slots.length ? undefined : this.#slots[sequence & (this.#slots.length - 1)];
  }

  /** Puts a value where there is none. */
  set(sequence: number, value: T): void {
    const distance = serialDiff(sequence, this.#first);
    if (distance >= this.#slots.length) this.#grow(distance + 1);
    this.#slots[sequence & (this.#slots.length - 1)] = value;
    this.#size++;
  }

  /** Takes out a value that is there. */
  remove(sequence: number): void {
    this.#slots[sequence & (this.#slots.length - 1)] = undefined;
    this.#size--;
  }

  /** Moves the window on by one; the slot of `first` must be empty. */
  advance(): void {
    this.#first = (this.#first + 1) >>> 0;
  }

  clear(): void {
    this.#slots = [];
    this.#size = 0;
  }

  /** To the next power of two, so that a mask finds the slot also where sequence numbers wrap. */
  #grow(needed: number): void {
    const before = this.#slots;
    let length = Math.max(before.length, FIRST_SLOTS);
    while (length < needed) length *= 2;
    const slots = new Array<T | undefined>(length).fill(undefined);
    for (let index = 0; index < before.length; index++) {
      const sequence = this.#first + index;
      slots[sequence & (length - 1)] = before[sequence & (before.length - 1)];
    }
    this.#slots = slots;
  }
}
