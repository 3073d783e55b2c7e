/** The peer broke the protocol: the connection cannot be used any longer. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}
