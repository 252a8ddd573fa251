/** Numbers before they are drawn: thinning of long curves, bins of histograms. Pure. */

export interface Series {
  name: string;
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  /** Ends of the band around the line, such as the least and the greatest over seeds. */
  low?: ArrayLike<number>;
  high?: ArrayLike<number>;
}

export interface Point {
  x: number;
  y: number;
  low?: number;
  high?: number;
}

/** Returns the number of neighboring points to average so that the longest series has at most `limit`. */
export function windowFor(series: readonly Series[], limit: number): number {
  const longest = Math.max(0, ...series.map((s) => s.x.length));
  return Math.max(1, Math.ceil(longest / limit));
}

/** One point per `window` neighbors, each coordinate being their mean. Points that are not finite are left out. */
export function thin(series: Series, window: number): Point[] {
  const points: Point[] = [];
  for (let start = 0; start < series.x.length; start += window) {
    const end = Math.min(start + window, series.x.length);
    const mean = (values: ArrayLike<number>) => {
      let sum = 0;
      for (let i = start; i < end; i++) sum += values[i]!;
      return sum / (end - start);
    };
    const point: Point = { x: mean(series.x), y: mean(series.y) };
    if (!Number.isFinite(point.x) || !Number.isFinite(point.y)) continue;
    if (series.low && series.high) Object.assign(point, { low: mean(series.low), high: mean(series.high) });
    points.push(point);
  }
  return points;
}

export interface Bins {
  /** `counts.length + 1` edges at equal distances. */
  edges: number[];
  counts: number[];
}

/** Counts of `values` in `count` bins of equal width over [low, high]; values outside are counted in the end bins. */
export function bin(values: ArrayLike<number>, low: number, high: number, count: number): Bins {
  const width = (high - low) / count;
  const counts = new Array<number>(count).fill(0);
  for (let i = 0; i < values.length; i++) {
    const index = Math.floor((values[i]! - low) / width);
    counts[Math.min(count - 1, Math.max(0, index))]! += 1;
  }
  return { edges: Array.from({ length: count + 1 }, (_, i) => low + i * width), counts };
}

/** Least and greatest finite value of several arrays; undefined when there is none. */
export function extent(arrays: readonly ArrayLike<number>[]): [number, number] | undefined {
  let low = Infinity;
  let high = -Infinity;
  for (const values of arrays) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : undefined;
}
