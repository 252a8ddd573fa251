/** The same work in float64, and how far a float32 result may be from it. */
import { AdamState, crossEntropy, mlpSteps, sums } from "./reference-mlp.ts";
import { ADAM, type Arrays, checkedRuns, EPS, elements, type Work } from "./work.ts";

/** Expected values of one output; `indices` when only some of its elements were computed. */
export interface Expected {
  readonly values: Float64Array;
  readonly indices?: Int32Array;
  /** Largest error allowed, absolute. */
  readonly tolerance: number;
  /** `rms` compares root mean squares: for updates that divide rounding noise by its own size. */
  readonly measure?: "rms";
}

export type Reference = Record<string, Expected>;

export function referenceOf(work: Work, inputs: Arrays): Reference {
  const input = (name: string) => inputs[name] as Float32Array;
  switch (work.kind) {
    case "matmul":
      return { y: matmulReference(work, input("a"), input("b")) };
    case "layerNorm":
    case "batchNorm":
      return normReference(work.kind, work.shape, input);
    case "crossEntropy": {
      const { loss, gradLogits } = crossEntropy(
        Float64Array.from(input("logits")),
        inputs.labels as Int32Array,
        work.classes,
      );
      return { loss: near(Float64Array.of(loss), 1e-5), gradLogits: near(gradLogits, 1e-4) };
    }
    case "adam": {
      const state = new AdamState(Float64Array.from(input("param")));
      for (let t = 0; t < checkedRuns(work); t++) state.step(Float64Array.from(input("grad")));
      const part = (i: number) => state.param.subarray(i * work.size, (i + 1) * work.size);
      return Object.fromEntries(Array.from({ length: work.tensors }, (_, i) => [`param${i}`, near(part(i), 1e-5)]));
    }
    case "mlp":
      return mlpReference(work, inputs);
    case "add": {
      const b = input("b");
      return {
        y: near(
          Float64Array.from(input("a"), (a, i) => a + work.repeats * (b[i] as number)),
          1e-4,
        ),
      };
    }
  }
}

/** `undefined` when `actual` is as expected, else what is wrong. */
export function difference(actual: Record<string, Float32Array>, reference: Reference): string | undefined {
  for (const [name, { values, indices, tolerance, measure }] of Object.entries(reference)) {
    const got = actual[name];
    if (!got) return `${name} is missing`;
    if (!indices && got.length !== values.length) return `${name} has ${got.length} values instead of ${values.length}`;
    let [largest, squares] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      const error = Math.abs((got[indices?.[i] ?? i] as number) - (values[i] as number));
      if (!(error <= largest)) largest = error;
      squares += error * error;
    }
    const error = measure ? Math.sqrt(squares / values.length) : largest;
    if (!(error <= tolerance)) return `${name} is off by ${error.toPrecision(2)}, allowed ${tolerance.toPrecision(2)}`;
  }
  return undefined;
}

/** Within `relative` of the largest magnitude. */
function near(values: Float64Array, relative: number): Expected {
  return { values, tolerance: relative * values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) };
}

/** Rows computed of a large product: all of a small one, else the first, the last and some between. */
const MAX_PRODUCTS = 2e8;

function matmulReference(work: Work & { kind: "matmul" }, a: Float32Array, b: Float32Array): Expected {
  const { m, n, k, form } = work;
  const count = Math.max(2, Math.min(m, Math.floor(MAX_PRODUCTS / (n * k))));
  const values = new Float64Array(count * n);
  const indices = new Int32Array(count * n);
  for (let r = 0; r < count; r++) {
    const row = count === m ? r : Math.round((r * (m - 1)) / (count - 1));
    const sums = values.subarray(r * n, (r + 1) * n);
    for (let p = 0; p < k; p++) {
      const left = a[form === "tn" ? p * m + row : row * k + p] as number;
      if (form === "nt") for (let j = 0; j < n; j++) (sums[j] as number) += left * (b[j * k + p] as number);
      else for (let j = 0; j < n; j++) (sums[j] as number) += left * (b[p * n + j] as number);
    }
    for (let j = 0; j < n; j++) indices[r * n + j] = row * n + j;
  }
  return { ...near(values, 1e-5), indices };
}

function normReference(
  kind: "layerNorm" | "batchNorm",
  shape: number[],
  input: (name: string) => Float32Array,
): Reference {
  const [x, weight, bias, gradY] = ["x", "weight", "bias", "gradY"].map(input) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const [rows = 1, features = 1, ...inner] = shape;
  const area = elements(inner);
  const feature = (i: number) => Math.floor(i / area) % features;
  const group = kind === "layerNorm" ? (i: number) => Math.floor(i / features) : feature;
  const groups = kind === "layerNorm" ? rows : features;
  const size = x.length / groups;
  const means = sums(groups, group, x.length, (i) => (x[i] as number) / size);
  const centered = Float64Array.from(x, (value, i) => value - (means[group(i)] as number));
  const variances = sums(groups, group, x.length, (i) => (centered[i] as number) ** 2 / size);
  const scale = variances.map((variance) => 1 / Math.sqrt(variance + EPS));
  const normed = centered.map((value, i) => value * (scale[group(i)] as number));
  const gradNormed = Float64Array.from(gradY, (value, i) => value * (weight[feature(i)] as number));
  const mean1 = sums(groups, group, x.length, (i) => (gradNormed[i] as number) / size);
  const mean2 = sums(groups, group, x.length, (i) => ((gradNormed[i] as number) * (normed[i] as number)) / size);
  const gradX = gradNormed.map((value, i) => {
    const g = group(i);
    return (scale[g] as number) * (value - (mean1[g] as number) - (normed[i] as number) * (mean2[g] as number));
  });
  return {
    y: near(
      normed.map((value, i) => value * (weight[feature(i)] as number) + (bias[feature(i)] as number)),
      1e-5,
    ),
    gradX: near(gradX, 1e-4),
    gradWeight: near(
      sums(features, feature, x.length, (i) => (gradY[i] as number) * (normed[i] as number)),
      1e-4,
    ),
    gradBias: near(
      sums(features, feature, x.length, (i) => gradY[i] as number),
      1e-4,
    ),
  };
}

/** The loss of the last step, and the parameters after it. */
function mlpReference(work: Work & { kind: "mlp" }, inputs: Arrays): Reference {
  const { loss, params } = mlpSteps(work, inputs, checkedRuns(work));
  // A hundredth of how far Adam has gone: its steps are about as long as the learning rate.
  const tolerance = 0.01 * ADAM.lr * checkedRuns(work);
  const reference: Reference = { loss: near(Float64Array.of(loss), 1e-4) };
  params.forEach(({ weight, bias }, i) => {
    reference[`weight${i}`] = { values: weight, tolerance, measure: "rms" };
    reference[`bias${i}`] = { values: bias, tolerance, measure: "rms" };
  });
  return reference;
}
