/** The standard deviations of a model's weights beside those that they were drawn with. */
import { noGrad } from "../autograd/modes.ts";
import { ArgumentError, check, expected } from "../errors.ts";
import { std } from "../ops/statistics.ts";
import { readItem } from "../tensor/readback.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { originOf } from "./init-provenance.ts";

/** One weight of a model. */
export interface WeightRow {
  readonly layer: string;
  readonly shape: Shape;
  /** The initializer's name; null where the values came from elsewhere. */
  readonly initializer: string | null;
  readonly expectedStd: number | null;
  readonly actualStd: number;
}

export interface Described {
  namedParameters(): Iterable<readonly [string, Tensor]>;
}

/** A row for each parameter with at least two dims. `console.table(await nn.init.describe(model))` shows them. */
export async function describe(model: Described): Promise<WeightRow[]> {
  check(typeof model?.namedParameters === "function", ArgumentError, () =>
    expected("describe", "model", "a module", model),
  );
  const weights = [...model.namedParameters()].filter(([, parameter]) => parameter.ndim >= 2 && parameter.size > 0);
  return Promise.all(weights.map(([name, weight]) => rowOf(name, weight)));
}

async function rowOf(name: string, weight: Tensor): Promise<WeightRow> {
  const spread = noGrad(() => std(weight, undefined, { correction: 0 }));
  const origin = originOf(weight);
  const actualStd = await readItem(spread);
  spread.dispose();
  const drawnFrom = { initializer: origin?.initializer ?? null, expectedStd: origin?.std ?? null };
  return { layer: name.replace(/\.weight$/, ""), shape: weight.shape, ...drawnFrom, actualStd };
}
