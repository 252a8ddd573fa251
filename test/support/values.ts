/** Numbers for tests: the same in every run, rounded to f32 so that a float64 reference sees what the GPU sees. */

/** `size` roughly normal numbers. */
export function normals(size: number, seed: number, { mean = 0, std = 1 } = {}): Float32Array {
  let state = (seed * 2654435761) >>> 0 || 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float32Array.from({ length: size }, () => {
    const radius = Math.sqrt(-2 * Math.log(uniform()));
    return mean + std * radius * Math.cos(2 * Math.PI * uniform());
  });
}

/** A gradient from above, away from zero: what is multiplied by almost nothing could be wrong unseen. */
export function upstream(size: number, seed: number): Float32Array {
  return normals(size, seed).map((value) => value + Math.sign(value) / 2);
}

/** `size` integers in [0, below). */
export function labels(size: number, below: number, seed: number): Int32Array {
  return Int32Array.from(normals(size, seed), (value) => Math.floor(Math.abs(value) * 1e6) % below);
}

/** `size` numbers in [low, high). */
export function uniform(size: number, low: number, high: number, seed: number): Float32Array<ArrayBuffer> {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + ((high - low) * (state >>> 8)) / 2 ** 24;
  });
}
