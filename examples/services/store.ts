/** Stands for a database: every access takes a moment, and gives up when its signal is aborted. */
import { setTimeout as delay } from "node:timers/promises";

const said = new Map<string, string[]>();

export const store = {
  async append(room: string, text: string, signal: AbortSignal): Promise<void> {
    await delay(5, undefined, { signal });
    said.set(room, [...(said.get(room) ?? []), text]);
  },

  async find(words: string, signal: AbortSignal): Promise<string[]> {
    await delay(50, undefined, { signal });
    return [...said.values()].flat().filter((text) => text.includes(words));
  },

  async clear(room: string): Promise<void> {
    await delay(5);
    said.delete(room);
  },
};
