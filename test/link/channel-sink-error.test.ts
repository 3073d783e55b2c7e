import assert from "node:assert/strict";
import { parseAddress } from "../../src/addr/logical-address.js";
import { Channel } from "../../src/link/channel.js";
import { type ChannelEvents, FOREIGN } from "../../src/link/channel-events.js";
import { resolveNodeOptions } from "../../src/node/options.js";
import type { Connection, ConnectionHandler } from "../../src/transport/transport.js";
import { encodeFrame, KIND } from "../../src/wire/header.js";
import { FakeClock } from "../support/fake-clock.js";

const SELF = parseAddress("1.2.1");
const PEER = parseAddress("1.3.7");

suite("a channel whose receiver throws", () => {
  test("is destroyed: what follows in the stream would never be read", () => {
    let handler: ConnectionHandler | undefined;
    let destroyed = false;
    const connection: Connection = {
      remote: "10.0.1.7:8011",
      isLoopback: true,
      identity: undefined,
      channelBinding: undefined,
      bufferedBytes: 0,
      setHandler: (given) => {
        handler = given;
      },
      write: () => true,
      end: () => {},
      destroy: () => {
        destroyed = true;
      },
    };
    const causes: Error[] = [];
    const thrown = new Error("a bug of the receiver's");
    const events: ChannelEvents = {
      onMessage: () => {
        throw thrown;
      },
      onForeign: () => FOREIGN.forged,
      onOversize: () => {},
      onOvertaken: () => {},
      onGoAway: () => {},
      onLimit: () => {},
      onClosed: (_channel, cause) => causes.push(cause),
    };
    const { link } = resolveNodeOptions({ address: SELF, discovery: { async *watch() {} } });
    const peer = { address: PEER, incarnation: 1n, purpose: 1, version: 1, maxPayloadBytes: 1_000, software: "" } as const;
    const channel = new Channel(SELF, peer, connection, new FakeClock(), link, 1_000, events);
    channel.open(Buffer.alloc(0));
    const header = { kind: KIND.request, flags: 0, hops: 4, to: SELF, from: PEER, epoch: 1, seq: 1, remainingMs: 0 };
    assert.throws(() => handler!.onData(Buffer.from(encodeFrame(header, Buffer.alloc(4)))), thrown);
    assert.deepEqual([destroyed, channel.isClosed, causes], [true, true, [thrown]]);
  });
});
