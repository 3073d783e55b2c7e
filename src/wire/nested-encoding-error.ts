/**
 * An encoder sent another message over the same link, from a getter perhaps, while its own was half written. The inner
 * message fails, so that the outer one stays whole; `FrameWriter` only makes sure that they never mix.
 */
export class NestedEncodingError extends Error {
  override readonly name = "NestedEncodingError";
  constructor() {
    super("a message cannot be sent from inside the encoding of another one (from a getter?)");
  }
}
