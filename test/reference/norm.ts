/** Norms, softmax and cross entropy with their gradients in float64, as plain loops over rows. */

const total = (list: ArrayLike<number>): number => Array.from(list).reduce((a, b) => a + b, 0);

export interface Normalized {
  y: Float64Array;
  gradX: Float64Array;
  gradWeight: Float64Array;
  gradBias: Float64Array;
}

/** Indices of values that are normalized together, and the channel of each. */
interface Group {
  readonly indices: number[];
  readonly channel: (i: number) => number;
}

function normalize(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  g: ArrayLike<number>,
  groups: Group[],
  eps: number,
  rms = false,
): Normalized {
  const result = {
    y: new Float64Array(x.length),
    gradX: new Float64Array(x.length),
    gradWeight: new Float64Array(weight.length),
    gradBias: new Float64Array(weight.length),
  };
  for (const { indices, channel } of groups) {
    const values = indices.map((at) => x[at]!);
    const n = values.length;
    const mean = rms ? 0 : total(values) / n;
    const rstd = 1 / Math.sqrt(total(values.map((v) => (v - mean) ** 2)) / n + eps);
    const normal = values.map((v) => (v - mean) * rstd);
    const scaled = indices.map((at, i) => g[at]! * weight[channel(i)]!);
    const meanG = rms ? 0 : total(scaled) / n;
    const meanNormal = total(scaled.map((one, i) => one * normal[i]!)) / n;
    indices.forEach((at, i) => {
      const c = channel(i);
      result.y[at] = normal[i]! * weight[c]! + bias[c]!;
      result.gradX[at] = rstd * (scaled[i]! - meanG - normal[i]! * meanNormal);
      result.gradWeight[c]! += g[at]! * normal[i]!;
      result.gradBias[c]! += g[at]!;
    });
  }
  return result;
}

/** Rows of `cols`. */
export function rowNorm(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  g: ArrayLike<number>,
  cols: number,
  eps: number,
  rms = false,
): Normalized {
  const groups = Array.from({ length: cols ? x.length / cols : 0 }, (_, row) => ({
    indices: Array.from({ length: cols }, (_, i) => row * cols + i),
    channel: (i: number) => i,
  }));
  return normalize(x, weight, bias, g, groups, eps, rms);
}

/** x (batch, channels, inner). */
export function batchNorm(
  x: ArrayLike<number>,
  weight: ArrayLike<number>,
  bias: ArrayLike<number>,
  g: ArrayLike<number>,
  [batch, channels, inner]: [number, number, number],
  eps: number,
): Normalized {
  const groups = Array.from({ length: channels }, (_, c) => ({
    indices: Array.from(
      { length: batch * inner },
      (_, i) => (Math.floor(i / inner) * channels + c) * inner + (i % inner),
    ),
    channel: () => c,
  }));
  return normalize(x, weight, bias, g, groups, eps);
}

/** Softmax (or its logarithm) of rows, and the gradient of x. */
export function softmax(x: ArrayLike<number>, g: ArrayLike<number>, cols: number, log: boolean) {
  const y = new Float64Array(x.length);
  const gradX = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += cols) {
    const row = Array.from({ length: cols }, (_, i) => x[at + i]!);
    const most = Math.max(...row);
    const sum = total(row.map((v) => Math.exp(v - most)));
    const p = row.map((v) => Math.exp(v - most) / sum);
    const weighted = total(p.map((one, i) => g[at + i]! * (log ? 1 : one)));
    p.forEach((one, i) => {
      y[at + i] = log ? row[i]! - most - Math.log(sum) : one;
      gradX[at + i] = log ? g[at + i]! - one * weighted : one * (g[at + i]! - weighted);
    });
  }
  return { y, gradX };
}

/** Mean cross entropy of rows and its gradient. */
export function crossEntropy(x: ArrayLike<number>, target: ArrayLike<number>, cols: number) {
  const none = new Float64Array(x.length);
  const p = softmax(x, none, cols, false).y;
  const logP = softmax(x, none, cols, true).y;
  const rows = target.length;
  const losses = Array.from({ length: rows }, (_, row) => -logP[row * cols + target[row]!]!);
  const gradX = p.map((one, i) => (one - (i % cols === target[Math.floor(i / cols)] ? 1 : 0)) / rows);
  return { loss: total(losses) / rows, gradX };
}
