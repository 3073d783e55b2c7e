/**
 * Eight bytes seen as each of the types that protobuf has on the wire: store one, load another. Cheaper than a
 * `DataView` per buffer, and right on big-endian machines too.
 */
const bytes = new ArrayBuffer(8);
export const float64 = new Float64Array(bytes);
export const float32 = new Float32Array(bytes);
export const int32 = new Int32Array(bytes);
export const int64 = new BigInt64Array(bytes);
export const uint64 = new BigUint64Array(bytes);
float64[0] = 1;
const littleEndian = int32[0] === 0;
/** Which of the two elements of {@link int32} holds the low 32 bits of the others. */
export const LOW = littleEndian ? 0 : 1;
/** Which one holds the high 32 bits. */
export const HIGH = littleEndian ? 1 : 0;
