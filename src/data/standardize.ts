/** Features of mean 0 and standard deviation 1. */
import { noGrad } from "../autograd/modes.ts";
import { ArgumentError, check, checkKeys, DtypeError, expected } from "../errors.ts";
import { div, eq, sub, where } from "../ops/binary.ts";
import { clone } from "../ops/movement.ts";
import { max, mean as meanOf, min } from "../ops/reduce.ts";
import { std as stdOf } from "../ops/statistics.ts";
import { full } from "../tensor/create.ts";
import { scope } from "../tensor/scope.ts";
import { normalizeDims } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The statistics of a data set, and the data set with them taken out. */
export interface Standardized {
  readonly data: Tensor;
  readonly mean: Tensor;
  /** 1 where a feature does not vary. */
  readonly std: Tensor;
}

export interface StandardizeOptions {
  /** Statistics to use in place of x's own: a tensor that broadcasts to x, or one number. Give both. */
  mean?: Tensor | number;
  std?: Tensor | number;
  /** The dims to take statistics over. Default 0, the samples: every feature gets its own. */
  dim?: number | readonly number[];
}

/**
 * `(x - mean) / std` with the population's standard deviation over the samples (dim 0). A feature that does not vary
 * becomes 0, not a division by 0. The result has the statistics too: pass it to standardize other data alike.
 *
 * ```ts
 * const train = data.standardize(xTrain);
 * const test = data.standardize(xTest, train);
 * ```
 */
export function standardize(x: Tensor, options: StandardizeOptions | Standardized = {}): Standardized {
  checkKeys("standardize", options, ["mean", "std", "dim", "data"]);
  const { mean, std, dim = 0 } = options as StandardizeOptions;
  check(x instanceof Tensor, ArgumentError, () => expected("standardize", "x", "a tensor", x));
  x.assertLive("standardize");
  check(x.dtype === "f32", DtypeError, () => expected("standardize", "x", "dtype f32", x.dtype));
  check((mean === undefined) === (std === undefined), ArgumentError, () =>
    expected("standardize", "mean, std", "both or neither", mean === undefined ? "std alone" : "mean alone"),
  );
  return noGrad(() =>
    scope(() => {
      const statistics =
        mean === undefined || std === undefined ? statisticsOf(x, dim) : givenStatistics(x, { mean, std });
      return { data: div(sub(x, statistics.mean), statistics.std), ...statistics };
    }),
  );
}

type Statistics = Omit<Standardized, "data">;

function statisticsOf(x: Tensor, dim: number | readonly number[]): Statistics {
  const dims = normalizeDims("standardize", dim, x.ndim);
  check(dims.every((d) => x.shape[d] !== 0) && x.ndim > 0, ArgumentError, () =>
    expected("standardize", "x", "at least one sample to take statistics of", x),
  );
  // Over leading dims the statistics broadcast without them.
  const keepdim = dims.some((d, i) => d !== i);
  const low = min(x, dims, { keepdim });
  // Rounding gives a constant feature of a large mean a spread of its own; its extremes tell it exactly.
  const constant = eq(low, max(x, dims, { keepdim }));
  const mean = where(constant, low, meanOf(x, dims, { keepdim }));
  return { mean, std: where(constant, 1, stdOf(x, dims, { keepdim, correction: 0 })) };
}

function givenStatistics(x: Tensor, given: { mean: Tensor | number; std: Tensor | number }): Statistics {
  const { device } = x;
  const asTensor = (value: Tensor | number) => (typeof value === "number" ? full([], value, { device }) : clone(value));
  const std = asTensor(given.std);
  return { mean: asTensor(given.mean), std: where(eq(std, 0), 1, std) };
}
