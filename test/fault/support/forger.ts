/**
 * Somebody who has the secrets and does not keep to the rules: it speaks in the names of others, as a node or as a harbor,
 * and sends frames that have no hops left. None of what it forges may reach a handler.
 */
import { type AddressText, addressGroup, isHarbor, type LogicalAddress, parseAnyAddress } from "../../../src/addr/logical-address.js";
import { DialAttempt } from "../../../src/link/dial-attempt.js";
import { Keyring } from "../../../src/link/keyring.js";
import { LastWords } from "../../../src/link/last-words.js";
import type { SeededRandom } from "../../../src/testing/seeded-random.js";
import { HARBOR_SECRET, SECRET, type Simulation } from "../../../src/testing/sim.js";
import type { Connection } from "../../../src/transport/transport.js";
import { encodeFrame, KIND, putU32 } from "../../../src/wire/header.js";
import { PURPOSE } from "../../../src/wire/hello.js";

/** What is forged has this command. */
export const FORGED_COMMAND = 666;

const TIMEOUTS = { dialTimeoutMs: 500, handshakeTimeoutMs: 500 };
const STAYS_MS = 300;

/** A node and where it listens. */
export interface Victim {
  readonly address: LogicalAddress;
  readonly endpoint: string;
}

/** Dials `victim` as somebody, sends what must not be believed, and leaves. `known`: addresses that there are. */
export function forge(sim: Simulation, random: SeededRandom, victim: Victim, known: readonly LogicalAddress[]): void {
  const asHarbor = random.chance(0.5);
  const address = parseAnyAddress(`${1 + random.below(2)}.${asHarbor ? 255 : 9}.${900 + random.below(50)}` as AddressText);
  const identity = {
    address,
    incarnation: 1n + BigInt(random.below(1_000)),
    cluster: "default",
    maxPayloadBytes: 4 * 1024 ** 2,
    software: "forger",
  };
  const isBetweenHarbors = asHarbor && isHarbor(victim.address);
  const keyring = new Keyring([isBetweenHarbors ? HARBOR_SECRET : SECRET]);
  const attempt = new DialAttempt(
    {
      identity,
      keyring,
      transport: sim.network.transport(`forger-${sim.clock.events}`),
      clock: sim.clock,
      lastWords: new LastWords(sim.clock),
      random: { next: () => random.next(), bytes: (length) => Uint8Array.from({ length }, () => random.below(256)) },
    },
    TIMEOUTS,
    {
      onOpen: (connection) => {
        connection.setHandler({ onData: () => {}, onDrain: () => {}, onClose: () => {} });
        for (let count = 1 + random.below(3); count > 0; count--) send(connection, random, address, victim.address, known);
        sim.clock.setTimeout(() => connection.destroy(), STAYS_MS);
      },
      onFail: () => {}, // the victim may be down, or not reached
    },
  );
  attempt.start(victim.endpoint, victim.address, PURPOSE.messages);
}

function send(
  connection: Connection,
  random: SeededRandom,
  self: LogicalAddress,
  victim: LogicalAddress,
  known: readonly LogicalAddress[],
): void {
  const others = known.filter((address) => addressGroup(address) === addressGroup(victim));
  const strangers = known.filter((address) => addressGroup(address) !== addressGroup(victim));
  const hasHops = strangers.length === 0 || !isHarbor(victim) || random.chance(0.6);
  // In the name of a node that the peer may not speak for; or in its own, without hops, to a group that it could reach otherwise.
  const from = hasHops ? random.pick(others) : self;
  const to = hasHops ? (random.chance(0.5) || strangers.length === 0 ? victim : random.pick(strangers)) : random.pick(strangers);
  const body = new Uint8Array(4);
  putU32(body, 0, FORGED_COMMAND);
  const header = {
    kind: KIND.bytes,
    flags: 0,
    hops: hasHops ? 4 : 0,
    to,
    from,
    epoch: 1 + random.below(2 ** 31),
    seq: 1 + random.below(1_000),
    remainingMs: 0,
  };
  connection.write(encodeFrame(header, body));
}
