import assert from "node:assert/strict";
import { everyCut, everyTwoCuts } from "../wire/support/cuts.js";
import { hex, toHex, vectors } from "../wire/support/golden.js";
import { feedAcceptor, feedDialer, makeAcceptor, makeDialer, settingOf } from "./support/openings.js";

suite("opening: golden vectors", () => {
  for (const vector of vectors.openings) {
    const fromDialer = hex(vector.dialerHello + vector.dialerProof);
    const fromAcceptor = hex(vector.acceptorHello + vector.acceptorProof + vector.accepted);

    test(`${vector.name}: both sides send exactly these bytes`, () => {
      const dialer = makeDialer(settingOf(vector));
      const acceptor = makeAcceptor(settingOf(vector));
      assert.equal(toHex(dialer.start()), vector.dialerHello);
      assert.equal(toHex(feedAcceptor(acceptor, hex(vector.dialerHello)).sent), vector.acceptorHello);
      assert.equal(toHex(feedDialer(dialer, hex(vector.acceptorHello)).sent), vector.dialerProof);
      const { peer } = feedAcceptor(acceptor, hex(vector.dialerProof));
      assert.deepEqual([peer?.address, peer?.incarnation], [vector.from, BigInt(vector.fromIncarnation)]);
      assert.equal(toHex(acceptor.accept()), vector.acceptorProof + vector.accepted);
      const accepted = feedDialer(dialer, hex(vector.acceptorProof + vector.accepted)).steps.at(-1);
      assert.ok(accepted?.type === "accepted");
      assert.deepEqual([accepted.peer.address, accepted.peer.incarnation], [vector.to, BigInt(vector.toIncarnation)]);
    });

    test(`${vector.name}: cut at every place and byte by byte, both sides see the same`, () => {
      for (const chunks of everyCut(Buffer.concat([fromAcceptor, Buffer.from("frames")]))) {
        const { sent, steps } = feedDialer(makeDialer(settingOf(vector)), ...chunks);
        assert.equal(toHex(sent), vector.dialerProof);
        const accepted = steps.at(-1);
        assert.ok(accepted?.type === "accepted");
        assert.equal(accepted.rest.toString(), "frames");
      }
      for (const chunks of everyCut(fromDialer)) {
        const { sent, peer } = feedAcceptor(makeAcceptor(settingOf(vector)), ...chunks.filter((chunk) => chunk.length > 0));
        assert.equal(toHex(sent), vector.acceptorHello);
        assert.equal(peer?.address, vector.from);
      }
    });
  }

  test("cut at every two places, both sides see the same", () => {
    const vector = vectors.openings[0]!;
    for (const chunks of everyTwoCuts(hex(vector.acceptorHello + vector.acceptorProof + vector.accepted)))
      assert.equal(feedDialer(makeDialer(settingOf(vector)), ...chunks).steps.at(-1)?.type, "accepted");
    for (const chunks of everyTwoCuts(hex(vector.dialerHello + vector.dialerProof)))
      assert.equal(feedAcceptor(makeAcceptor(settingOf(vector)), ...chunks.filter((chunk) => chunk.length > 0)).peer?.address, vector.from);
  });
});
