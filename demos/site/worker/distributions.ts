/** Distributions of weights, activations and gradients of several networks, layer by layer. */
import { grad, nn, scope, type Tensor } from "gradwell";
import type { Distribution, LayerDistributions } from "../shared/protocol.ts";
import { linearLayers } from "./nets.ts";

const BINS = 40;
/** The limit of counted values: larger arrays are sampled evenly. */
const MAX_VALUES = 20_000;

type Values = ArrayLike<number>;

interface LayerValues {
  weights: Values;
  activations: Values;
  gradients: Values;
}

/** All networks must have the same widths. x (N, 784) and y (N) are the batch that is sent through. */
export async function distributions(
  models: readonly nn.Sequential[],
  x: Tensor,
  y: Tensor,
): Promise<LayerDistributions[]> {
  const networks = await Promise.all(models.map((model) => valuesOf(model, x, y)));
  return linearLayers(models[0]!).map((layer, i, all) => {
    const of = (kind: keyof LayerValues) => networks.map((network) => thinned(network[i]![kind]));
    const position = i === all.length - 1 ? "output" : `hidden ${i + 1}`;
    return {
      name: `${position}, ${layer.inFeatures} to ${layer.outFeatures}`,
      weights: distribution(of("weights")),
      activations: distribution(of("activations").map(withoutZeros)),
      gradients: distribution(of("gradients").map(magnitudes)),
    };
  });
}

/** Weights, activations (logits for the last layer) and the loss's gradients by them. */
function valuesOf(model: nn.Sequential, x: Tensor, y: Tensor): Promise<LayerValues[]> {
  return scope(async () => {
    const { outputs, logits } = activations(model, x);
    const gradients = grad(nn.crossEntropy(logits, y), outputs);
    const weights = linearLayers(model).map(({ weight }) => weight);
    const read = (tensors: readonly Tensor[]) => Promise.all(tensors.map((tensor) => tensor.data()));
    const [w, a, g] = await Promise.all([read(weights), read(outputs), read(gradients)]);
    return w.map((weights, i) => ({ weights, activations: a[i]!, gradients: g[i]! }));
  });
}

/** Returns the outputs of each activation layer, and the logits. Batch norm uses the batch, as in training, but learns nothing. */
function activations(model: nn.Sequential, x: Tensor): { outputs: Tensor[]; logits: Tensor } {
  const layers = [...model];
  const outputs: Tensor[] = [];
  let y = x;
  layers.forEach((layer, i) => {
    const { weight, bias } = layer as { weight?: Tensor; bias?: Tensor };
    const isNorm = layer instanceof nn.BatchNorm1d;
    y = isNorm ? nn.batchNorm(y, null, null, weight, bias, { training: true }) : layer.forward(y);
    const endsBlock = !(layer instanceof nn.Linear || isNorm || layer instanceof nn.LayerNorm);
    if (endsBlock || i === layers.length - 1) outputs.push(y);
  });
  return { outputs, logits: y };
}

function thinned(values: Values): number[] {
  const every = Math.max(1, Math.floor(values.length / MAX_VALUES));
  return Array.from({ length: Math.floor(values.length / every) }, (_, i) => values[i * every]!).filter(
    Number.isFinite,
  );
}

/** A ReLU's zeros would be one bar as high as all others together. */
const withoutZeros = (values: number[]): number[] => values.filter((value) => value !== 0);

const magnitudes = (values: number[]): number[] => withoutZeros(values).map((value) => Math.log10(Math.abs(value)));

/** Bins over the range that holds all but the outermost hundredths of every run. */
function distribution(runs: readonly number[][]): Distribution {
  const ends = runs.flatMap(quantiles);
  const [least, greatest] = ends.length > 0 ? [Math.min(...ends), Math.max(...ends)] : [0, 1];
  const margin = (greatest - least || 1) * 0.05;
  const width = (greatest - least + 2 * margin) / BINS;
  const low = least - margin;
  const edges = Array.from({ length: BINS }, (_, i) => low + i * width);
  const shares = runs.map((values) => {
    const counts = new Array<number>(BINS).fill(0);
    for (const value of values) {
      const bin = Math.floor((value - low) / width);
      if (bin >= 0 && bin < BINS) counts[bin]! += 100 / values.length;
    }
    return counts;
  });
  return { edges, shares };
}

function quantiles(values: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  return sorted.length > 0 ? [at(0.01), at(0.99)] : [];
}
