/** Why an opening failed: ours to say, or said by the peer. */
import { REFUSAL } from "../wire/hello.js";

export type RefusalName = keyof typeof REFUSAL;

export interface HandshakeErrorOptions {
  /** The peer said so, rather than we. */
  readonly byPeer?: boolean;
  /** Both sides had proved who they are: only then anything may be concluded from it. */
  readonly proven?: boolean;
}

export class HandshakeError extends Error {
  override readonly name = "HandshakeError";
  readonly reason: RefusalName;
  readonly byPeer: boolean;
  readonly proven: boolean;

  constructor(reason: RefusalName, message: string, options: HandshakeErrorOptions = {}) {
    super(message);
    this.reason = reason;
    this.byPeer = options.byPeer ?? false;
    this.proven = options.proven ?? false;
  }
}

/** The name of a refusal's number; `"other"` for one that only newer peers know. */
export function refusalName(reason: number): RefusalName {
  return (Object.keys(REFUSAL) as RefusalName[]).find((name) => REFUSAL[name] === reason) ?? "other";
}
