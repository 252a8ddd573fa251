/** Comparing numbers from a GPU with exact ones. */
import { expect } from "vitest";

export interface Tolerance {
  /** Relative to the expected element. */
  readonly rtol?: number;
  /** Absolute. */
  readonly atol?: number;
}

/** Largest f32: what is beyond it is infinite there. */
const LARGEST = 3.4028234663852886e38;

/** NaN equals NaN, infinities equal themselves, everything else lies within atol + rtol |expected|. */
export function isClose(actual: number, expected: number, { rtol = 1e-5, atol = 1e-6 }: Tolerance): boolean {
  if (Number.isNaN(expected)) return Number.isNaN(actual);
  if (Math.abs(expected) > LARGEST) return actual === Math.sign(expected) * Infinity;
  return Math.abs(actual - expected) <= atol + rtol * Math.abs(expected);
}

/** Fails with the first indices at which `actual` is not close to `expected`; where that is undefined anything will do. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number | undefined>,
  tolerance: Tolerance,
  what: string,
): void {
  expect(actual.length, `${what}: number of elements`).toBe(expected.length);
  const wrong: string[] = [];
  for (let i = 0; i < expected.length && wrong.length < 4; i++) {
    const [got, want] = [Number(actual[i]), expected[i]];
    if (want !== undefined && !isClose(got, want, tolerance)) wrong.push(`[${i}] is ${got}, should be ${want}`);
  }
  if (wrong.length > 0) expect.fail(`${what}: ${wrong.join("; ")}`);
}
