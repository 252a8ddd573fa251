/** Numbers over seeds, and how they read. Pure. */
export const mean = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0) / values.length;

/** Standard deviation over seeds; 0 for one. */
export function std(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const middle = mean(values);
  return Math.sqrt(values.reduce((total, value) => total + (value - middle) ** 2, 0) / (values.length - 1));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

export const geometricMean = (values: readonly number[]): number => Math.exp(mean(values.map(Math.log)));

/** A number with three digits, short. */
export function short(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "∞";
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** "0.41 ± 0.02": mean and standard deviation over seeds. */
export function pm(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  if (finite.length < values.length) return finite.length === 0 ? "–" : `– (${values.length - finite.length} diverged)`;
  return values.length > 1 ? `${short(mean(values))} ± ${short(std(values))}` : short(mean(values));
}

/** The first step (from 1) at which the mean of the last `window` losses is at most `target`; Infinity for never. */
export function stepsTo(losses: readonly number[], target: number, window = 10): number {
  for (let end = window; end <= losses.length; end++) {
    if (mean(losses.slice(end - window, end)) <= target) return end;
  }
  return Number.POSITIVE_INFINITY;
}

export const tail = (losses: readonly number[], count = 20): number => mean(losses.slice(-count));

/** Returns the mean, minimum and maximum over seeds at every index: a line with its band. */
export function band(name: string, runs: readonly (readonly number[])[], xs?: readonly number[]) {
  const length = Math.min(...runs.map((run) => run.length));
  const at = (i: number) => runs.map((run) => run[i]!);
  const indices = Array.from({ length }, (_, i) => i);
  return {
    name,
    x: xs ? xs.slice(0, length) : indices.map((i) => i + 1),
    y: indices.map((i) => mean(at(i))),
    low: indices.map((i) => Math.min(...at(i))),
    high: indices.map((i) => Math.max(...at(i))),
  };
}

export const seedsOf = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
