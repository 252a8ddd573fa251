/** Curves that grow while something trains. Long ones are thinned: neighboring points become their mean. */

const MAX_POINTS = 1000;

export class Curves {
  readonly x: number[] = [];
  readonly y: (number | null)[][];
  /** Values per point. */
  window = 1;
  #pending: { x: number; values: readonly number[] }[] = [];

  constructor(count: number) {
    this.y = Array.from({ length: count }, () => []);
  }

  add(x: number, values: readonly number[]): void {
    this.#pending.push({ x, values });
    if (this.#pending.length < this.window) return;
    this.x.push(mean(this.#pending.map((one) => one.x))!);
    for (const [i, line] of this.y.entries()) line.push(mean(this.#pending.map(({ values }) => values[i]!)));
    this.#pending = [];
    if (this.x.length > MAX_POINTS) this.#halve();
  }

  /** Forgets all points beyond `x`. */
  cutAfter(x: number): void {
    const count = this.x.filter((one) => one <= x).length;
    for (const line of [this.x, ...this.y]) line.length = count;
    this.#pending = [];
  }

  /** In the form of uPlot. */
  get columns(): [number[], ...(number | null)[][]] {
    return [this.x, ...this.y];
  }

  #halve(): void {
    this.window *= 2;
    halve(this.x);
    for (const line of this.y) halve(line);
  }
}

function halve(line: (number | null)[]): void {
  const count = Math.floor(line.length / 2);
  for (let i = 0; i < count; i++) line[i] = mean([line[2 * i]!, line[2 * i + 1]!]);
  line.length = count;
}

/** Null, which is a gap in a curve, where a value is not finite. */
function mean(values: readonly (number | null)[]): number | null {
  const sum = values.reduce<number>((a, b) => a + (b ?? Number.NaN), 0);
  return Number.isFinite(sum) ? sum / values.length : null;
}
