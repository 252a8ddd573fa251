/** IEEE half floats on engines without Float16Array. */
import { check, DtypeError } from "../errors.ts";
import type { Device } from "../gpu/device.ts";

/** Throws unless the device has f16. */
export function checkHalf(op: string, device: Device): void {
  check(
    device.features.f16,
    DtypeError,
    () =>
      `${op}: dtype f16 needs the WebGPU feature shader-f16, which this adapter (${device.info.description}) does not have`,
  );
}

/** The 32 bits of a value as f32. */
export function bitsOfFloat(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return view.getUint32(0);
}

/** Rounds to the nearest half, ties to even, as 16 bits. */
export function toHalf(value: number): number {
  const word = bitsOfFloat(value);
  const sign = (word >>> 16) & 0x8000;
  const exponent = (word >>> 23) & 0xff;
  const fraction = word & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction ? 0x200 : 0);
  const shifted = exponent - 112;
  if (shifted >= 31) return sign | 0x7c00;
  if (shifted < -10) return sign;
  const full = shifted > 0 ? (shifted << 23) | fraction : (fraction | 0x800000) >>> 0;
  const drop = shifted > 0 ? 13 : 14 - shifted;
  const kept = Math.floor(full / 2 ** drop);
  const rest = full - kept * 2 ** drop;
  const half = 2 ** (drop - 1);
  const up = rest > half || (rest === half && (kept & 1) === 1);
  return sign | (kept + (up ? 1 : 0));
}

export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
}

export const packHalf = (values: ArrayLike<number>): Uint16Array<ArrayBuffer> => Uint16Array.from(values, toHalf);
export const unpackHalf = (bits: Uint16Array): Float32Array<ArrayBuffer> => Float32Array.from(bits, fromHalf);
