/** Placeholder for the contract; replaced by the real writer. */
export declare class BinaryWriter {
  buf: Uint8Array;
  pos: number;
  attach(buf: Uint8Array, pos: number, limit: number): this;
  finish(): Uint8Array;
}
