/** Placeholder for the contract; replaced by the real reader. */
export declare class BinaryReader {
  constructor(buf: Uint8Array);
  buf: Uint8Array;
  pos: number;
  len: number;
  attach(buf: Uint8Array, pos: number, end: number): this;
}
