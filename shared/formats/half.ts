/**
 * Conversions to and from the two 16-bit float formats of weight files.
 *
 * binary16: 1 sign, 5 exponent (bias 15), 10 mantissa bits. bfloat16: the upper half of a float32. Widening is exact;
 * narrowing rounds to nearest, ties to even, and preserves subnormals, infinities and NaN (IEEE 754-2019, §4.3.1).
 */

/** The float32 values of binary16 bit patterns. */
export function widenFloat16(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  const values = new Float32Array(out.buffer);
  for (let index = 0; index < bits.length; index++) {
    const half = bits[index]!;
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 0x1f;
    const mantissa = half & 0x3ff;
    if (exponent === 0) {
      // Zero or subnormal: mantissa · 2⁻²⁴ is exact in float32.
      values[index] = mantissa * 2 ** -24;
      out[index]! |= sign;
    } else if (exponent === 0x1f) {
      out[index] = sign | 0x7f800000 | (mantissa << 13);
    } else {
      out[index] = sign | ((exponent + 112) << 23) | (mantissa << 13);
    }
  }
  return values;
}

/** The binary16 bit patterns nearest to `values`. Magnitudes from 65,520 up become infinity. */
export function narrowToFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let index = 0; index < bits.length; index++) {
    const sign = (bits[index]! >>> 16) & 0x8000;
    const magnitude = bits[index]! & 0x7fffffff;
    let half: number;
    if (magnitude > 0x7f800000) {
      // Set a payload bit: a NaN whose payload lies in the dropped bits must not turn into infinity.
      half = 0x7e00 | ((magnitude >>> 13) & 0x3ff);
    } else if (magnitude >= 0x47800000) {
      half = 0x7c00;
    } else if (magnitude >= 0x38800000) {
      const rebiased = magnitude - 0x38000000;
      // A carry out of the mantissa increments the exponent, up to infinity's, which is correct rounding.
      half = (rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13;
    } else if (magnitude >= 0x33000000) {
      // The result is subnormal: shift the full mantissa to units of 2⁻²⁴.
      const shift = 126 - (magnitude >>> 23);
      const mantissa = (magnitude & 0x7fffff) | 0x800000;
      const floor = mantissa >>> shift;
      const remainder = mantissa & ((1 << shift) - 1);
      const tie = 1 << (shift - 1);
      half = floor + (remainder > tie || (remainder === tie && (floor & 1) === 1) ? 1 : 0);
    } else {
      half = 0;
    }
    out[index] = sign | half;
  }
  return out;
}

/** The float32 values of bfloat16 bit patterns. */
export function widenBfloat16(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let index = 0; index < bits.length; index++) out[index] = bits[index]! << 16;
  return new Float32Array(out.buffer);
}

/** The bfloat16 bit patterns nearest to `values`. */
export function narrowToBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let index = 0; index < bits.length; index++) {
    const word = bits[index]!;
    out[index] = (word & 0x7fffffff) > 0x7f800000 ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}
