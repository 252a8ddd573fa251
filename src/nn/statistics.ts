/** Statistics of a model's layers: mean, spread and histogram of their values and of the loss's gradient in them. */

import { grad } from "../autograd/backward.ts";
import { aliasWithGraph, edgeOf } from "../autograd/graph.ts";
import { noGrad, withGrad } from "../autograd/modes.ts";
import { cast } from "../autograd/op.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import { div, eq, maximum, mul, sub, where } from "../ops/binary.ts";
import { cat, stack } from "../ops/cat-split.ts";
import { scatterAdd } from "../ops/indexing.ts";
import { detach, reshape } from "../ops/movement.ts";
import { max, mean, min } from "../ops/reduce.ts";
import { std } from "../ops/statistics.ts";
import { clamp, isfinite } from "../ops/unary.ts";
import { onesLike, zeros } from "../tensor/create.ts";
import { readData } from "../tensor/readback.ts";
import { scope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { trace } from "./forward-trace.ts";
import type { Module } from "./module.ts";

export interface Distribution {
  readonly mean: number;
  readonly std: number;
  /** Share of the values that are exactly 0: inactive units. */
  readonly zeros: number;
  readonly min: number;
  readonly max: number;
  /** Values in bins of equal width from `min` to `max`, counted on the GPU. */
  readonly counts: readonly number[];
}

export interface LayerStatistics {
  /** The layer's path in the model. */
  readonly layer: string;
  readonly values: Distribution;
  /** Statistics of the loss's gradient in the layer's values; undefined if the loss does not depend on them. */
  readonly gradient: Distribution | undefined;
}

/**
 * Calls `lossFn`, which runs the model, and describes the results of all its innermost layers in the order in which they
 * ran, and the gradients there. Only what is returned is read: a few numbers per layer. No `grad` is touched.
 */
export async function layerStatistics(
  model: Module,
  lossFn: () => Tensor,
  options: { bins?: number } = {},
): Promise<LayerStatistics[]> {
  const { bins = 40 } = options;
  const names: string[] = [];
  const described = scope(() => {
    const { loss, seen } = watched(model, lossFn);
    const linked = seen.filter(({ output }) => edgeOf(output) !== undefined);
    const found =
      linked.length === 0
        ? []
        : (grad(
            loss,
            linked.map(({ output }) => output),
            { allowUnused: true },
          ) as (Tensor | null)[]);
    const rows = seen.map(({ name, output }) => {
      names.push(name);
      const gradient = found[linked.findIndex((one) => one.output === output)];
      return { values: summary(output, bins), gradient: gradient ? summary(gradient, bins) : undefined };
    });
    for (const { output } of seen) output.dispose();
    return rows;
  });
  const rows: LayerStatistics[] = [];
  for (const [i, { values, gradient }] of described.entries()) {
    rows.push({
      layer: names[i] as string,
      values: await distribution(values),
      gradient: gradient && (await distribution(gradient)),
    });
  }
  return rows;
}

interface Seen {
  readonly name: string;
  readonly output: Tensor;
}

/** The loss, and handles on the outputs of the innermost modules. */
function watched(model: Module, lossFn: () => Tensor): { loss: Tensor; seen: Seen[] } {
  const paths = new Map<object, string>(model.namedModules().map(([path, module]) => [module, path]));
  const seen: Seen[] = [];
  const outer = trace.seen;
  trace.seen = (module, output) => {
    const path = paths.get(module);
    const isInnermost = path !== undefined && (module as Module).namedChildren().length === 0;
    if (!isInnermost || !(output instanceof Tensor) || output.dtype !== "f32" || output.size === 0) return;
    seen.push({ name: path, output: aliasWithGraph(output) });
  };
  try {
    const loss = withGrad(true, lossFn);
    check(loss instanceof Tensor && loss.size === 1 && loss.requiresGrad, ArgumentError, () =>
      expected("layerStatistics", "lossFn", "a function that returns a loss of the model", loss),
    );
    return { loss, seen };
  } finally {
    trace.seen = outer;
  }
}

/** mean, std, share of zeros, min, max, then the counts, in one tensor. */
function summary(x: Tensor, bins: number): Tensor {
  return scope(() =>
    noGrad(() => {
      const flat = reshape(detach(x), [x.size]);
      const [low, high] = [min(flat), max(flat)];
      const width = maximum(sub(high, low), 1e-30);
      const position = clamp(mul(div(sub(flat, low), width), bins), 0, bins - 1);
      const bin = cast(where(isfinite(position), position, 0), "i32");
      const counts = scatterAdd(zeros([bins], { device: x.device }), 0, bin, onesLike(flat));
      const share = mean(cast(eq(flat, 0), "f32"));
      return cat([stack([mean(flat), std(flat, undefined, { correction: 0 }), share, low, high]), counts], 0);
    }),
  );
}

async function distribution(numbers: Tensor): Promise<Distribution> {
  const [mean = 0, std = 0, zeros = 0, min = 0, max = 0, ...counts] = Array.from(await readData(numbers), Number);
  numbers.dispose();
  return { mean, std, zeros, min, max, counts };
}
