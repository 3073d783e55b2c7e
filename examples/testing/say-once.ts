/** The test: nobody hears anything twice, whatever the network does. */
import assert from "node:assert/strict";
import { simulate } from "clusterts/testing";
import { Chat } from "../services/gen/chat.js";
import type { SayIt } from "./say.js";

export const heardOnce = (say: SayIt): Promise<void> =>
  simulate({ runs: 200, fakeTimers: true }, async (sim) => {
    const heard = new Map<string, number>();
    const hear = (text: string) => ({ seq: heard.set(text, (heard.get(text) ?? 0) + 1).size, text });
    const room = await sim.node("1.1.1", (node) =>
      Chat.Register(node, { say: ({ text }) => ({ ...hear(text), seq: 0n }), search: () => ({ texts: [] }) }),
    );
    const guest = await sim.node("1.2.1");
    const said = Array.from({ length: 20 }, (_, index) => say(guest, `${index}`));
    await sim.advance(sim.random() * 10);
    sim.partition(room, guest, { oneWay: true });
    await sim.advance(sim.random() * 10_000);
    sim.heal();
    await Promise.all(said);
    for (const [text, times] of heard) assert.equal(times, 1, `"${text}" was heard ${times} times`);
  });
