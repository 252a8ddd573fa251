/** Numbers for tests: the same on every machine and in every run. */

/** A source of numbers in [0, 1). */
export function numbers(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/** `n` numbers in [low, high). */
export function uniform(n: number, low: number, high: number, seed: number): Float32Array<ArrayBuffer> {
  const next = numbers(seed);
  return Float32Array.from({ length: n }, () => low + (high - low) * next());
}
