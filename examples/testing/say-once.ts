/** The test: nobody hears anything twice, whatever the network does. */
import assert from "node:assert/strict";
import { simulate } from "clusterts/testing";
import { Chat } from "../services/gen/chat.js";
import type { SayIt } from "./say.js";

export const heardOnce = (say: SayIt): Promise<void> =>
  simulate({ runs: 200, fakeTimers: true }, async (sim) => {
    const heard: string[] = [];
    const hear = (text: string) => ({ seq: BigInt(heard.push(text)), text });
    const room = await sim.node("1.1.1", (node) => Chat.Register(node, { say: ({ text }) => hear(text), search: () => ({ texts: [] }) }));
    const guest = await sim.node("1.2.1");
    const said: Promise<void>[] = [];
    for (let index = 0; index < 20; index++) {
      said.push(say(guest, `${index}`));
      await sim.advance(sim.random() * 5);
      if (sim.random() < 0.05) sim.cutConnections(guest, room);
    }
    await Promise.all(said);
    assert.deepEqual(heard.slice().sort(), [...new Set(heard)].sort(), "something was heard twice");
  });
