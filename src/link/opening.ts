/** Drives the opening of one connection: the handshake's bytes, and a time limit for each step. */
import { asBuffer } from "../internal/as-buffer.js";
import type { Clock, TimerHandle } from "../internal/clock.js";
import type { Connection } from "../transport/transport.js";
import { ProtocolError } from "../wire/protocol-error.js";
import type { AcceptorHandshake, DialerHandshake, PeerHello } from "./handshake.js";
import { HandshakeError, type RefusalName } from "./handshake-error.js";
import type { LastWords } from "./last-words.js";
import { looksLikeHttp } from "./record-reader.js";
import { HTTP_REFUSAL, ofTransport } from "./transport-refusal.js";

/** Longest time that an acceptor's "wait" can ask for, all of them together. */
const MAX_WAIT_MS = 60_000;

/**
 * Runs the dialer's side. `onOpen` is called in the very turn in which the acceptor said yes, so that nothing that
 * follows on the connection is missed; afterwards the connection is the callee's. `onFail` is called once otherwise,
 * and the connection is gone, or `lastWords` has it. Gives a function that gives the opening up.
 */
export function openAsDialer(
  connection: Connection,
  handshake: DialerHandshake,
  clock: Clock,
  timeoutMs: number,
  onOpen: (peer: PeerHello, rest: Buffer) => void,
  onFail: (error: Error) => void,
  lastWords?: LastWords,
): (cause: Error) => void {
  let settled = false;
  let timer: TimerHandle;
  let waitLeftMs = MAX_WAIT_MS;
  const settle = (): boolean => {
    if (settled) return false;
    settled = true;
    clock.clearTimeout(timer);
    return true;
  };
  const fail = (error: Error): void => {
    if (!settle()) return;
    if (lastWords !== undefined && error instanceof HandshakeError && error.reason === "identity" && !error.byPeer) {
      connection.write(handshake.refuse(error.reason, error.message));
      lastWords.part(connection);
    } else {
      connection.destroy();
    }
    onFail(error);
  };
  const restart = (ms: number): void => {
    clock.clearTimeout(timer);
    timer = clock.setTimeout(
      () => fail(new HandshakeError("timeout", `the port takes the connection, but no answer to the opening came within ${timeoutMs} ms`)),
      ms,
    );
  };
  const extend = (ms: number): void => {
    const granted = Math.min(ms, waitLeftMs);
    waitLeftMs -= granted;
    if (granted > 0) restart(granted + timeoutMs);
  };
  restart(timeoutMs);
  connection.setHandler({
    onData: (chunk) => {
      if (settled) return;
      let accepted: { readonly peer: PeerHello; readonly rest: Buffer };
      try {
        handshake.push(asBuffer(chunk));
        for (;;) {
          const step = handshake.next();
          if (step.type === "more") return;
          if (step.type === "send") connection.write(step.bytes);
          else if (step.type === "wait") extend(step.ms);
          else {
            accepted = step;
            break;
          }
        }
      } catch (error) {
        return fail(asHandshakeError(error));
      }
      // Outside of the try: what fails from here on is no matter of the opening.
      if (settle()) onOpen(accepted.peer, accepted.rest);
    },
    onDrain: () => {},
    onClose: (error) => fail(error === undefined ? closedInOpening() : ofTransport(error)),
  });
  connection.write(handshake.start());
  return fail;
}

/** What a peer does that speaks something else and does not say so, TLS for one; or a node that is just going away. */
function closedInOpening(): Error {
  return Object.assign(new Error("the port takes the connection, then closes it during the opening"), { code: "CLOSED_IN_OPENING" });
}

/** What the owner of a listener decides about a peer that has proved who it is. */
export interface PendingPeer {
  readonly peer: PeerHello;
  readonly connection: Connection;
  /** Whether the connection was lost, or the time for the opening ran out, in the meantime. */
  readonly isGone: boolean;
  accept(): void;
  refuse(reason: RefusalName, text: string): void;
  /** Tells the dialer that the decision needs `ms`; afterwards one of the others is called. */
  wait(ms: number): void;
}

/**
 * Runs the acceptor's side. `onPeer` is called when the peer is known; it then owns the decision. `onFail` is called
 * once when there will be none. Gives a function that gives the opening up.
 */
export function openAsAcceptor(
  connection: Connection,
  handshake: AcceptorHandshake,
  clock: Clock,
  lastWords: LastWords,
  timeoutMs: number,
  onPeer: (pending: PendingPeer) => void,
  onFail: (error: Error) => void,
): (cause: Error) => void {
  let state: "opening" | "deciding" | "done" = "opening";
  let timer: TimerHandle;
  const fail = (error: Error): void => {
    if (state === "done") return;
    state = "done";
    clock.clearTimeout(timer);
    if (error instanceof HandshakeError && !error.byPeer) connection.write(handshake.refuseUnproven(error.reason, error.message));
    lastWords.part(connection);
    onFail(error);
  };
  const arm = (ms: number): void => {
    clock.clearTimeout(timer);
    timer = clock.setTimeout(() => fail(new HandshakeError("timeout", `the opening took longer than ${timeoutMs} ms`)), ms);
  };
  arm(timeoutMs);
  const decide = (peer: PeerHello): void => {
    state = "deciding";
    onPeer({
      peer,
      connection,
      get isGone() {
        return state === "done";
      },
      accept() {
        state = "done";
        clock.clearTimeout(timer);
        connection.write(handshake.accept());
      },
      refuse(reason, text) {
        if (state === "done") return;
        state = "done";
        clock.clearTimeout(timer);
        connection.write(handshake.refuse(reason, text));
        lastWords.part(connection);
      },
      wait(ms) {
        if (state === "done") return;
        arm(ms + timeoutMs);
        connection.write(handshake.wait(ms));
      },
    });
  };
  connection.setHandler({
    onData: (chunk) => {
      if (state === "done") return;
      if (state === "deciding") return fail(new HandshakeError("malformed", "the dialer sent more before it was accepted"));
      try {
        handshake.push(asBuffer(chunk));
        for (;;) {
          const step = handshake.next();
          if (step.type === "more") return;
          if (step.type === "send") connection.write(step.bytes);
          else return decide(step.peer);
        }
      } catch (error) {
        if (looksLikeHttp(chunk)) connection.write(HTTP_REFUSAL);
        fail(looksLikeHttp(chunk) ? new Error("an HTTP request came to a clusterts port") : asHandshakeError(error));
      }
    },
    onDrain: () => {},
    onClose: (error) => {
      if (state === "done") return;
      state = "done";
      clock.clearTimeout(timer);
      onFail(error !== undefined ? ofTransport(error) : new Error("the dialer closed the connection during the opening"));
    },
  });
  return fail;
}

function asHandshakeError(error: unknown): Error {
  if (error instanceof ProtocolError) return new HandshakeError("malformed", error.message);
  return error instanceof Error ? error : new Error(String(error));
}
