/** Standardization: features of mean 0 and standard deviation 1. */

import { noGrad } from "../autograd/modes.ts";
import { ArgumentError, check, DtypeError, expected } from "../errors.ts";
import { runtimeOf } from "../gpu/device.ts";
import { defineDeviceAssert } from "../gpu/device-asserts.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { missing_check } from "../gpu/shaders.generated.ts";
import { div, eq, sub, where } from "../ops/binary.ts";
import { clone } from "../ops/movement.ts";
import { max, mean as meanOf, min, sum } from "../ops/reduce.ts";
import { std as stdOf } from "../ops/statistics.ts";
import { isfinite, sqrt, square } from "../ops/unary.ts";
import { bindingOf } from "../tensor/binding.ts";
import { contiguous } from "../tensor/copy.ts";
import { full } from "../tensor/create.ts";
import { scope } from "../tensor/scope.ts";
import { normalizeDims } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The standardized data set and its statistics. */
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
  /**
   * Values of x that are NaN or infinite: `"error"` (default) makes the next read throw, `"skip"` leaves them out of the
   * statistics and lets them pass (NaN stays NaN).
   */
  missing?: "error" | "skip";
}

const missingValue = /* @__PURE__ */ defineDeviceAssert(
  (index) =>
    `standardize: argument 'x' expected finite values, got NaN or infinity at element ${index}; fill it in, or pass { missing: "skip" }`,
);

/**
 * `(x - mean) / std` with the population's standard deviation over the samples (dim 0). A feature that does not vary
 * becomes 0, not a division by 0. Missing values (NaN, infinities) are an error by default: `missing`. The result holds the
 * statistics too: pass it to standardize other data alike.
 *
 * ```ts
 * const train = data.standardize(xTrain);
 * const test = data.standardize(xTest, train);
 * ```
 */
export function standardize(x: Tensor, options: StandardizeOptions | Standardized = {}): Standardized {
  const { mean, std, dim = 0, missing = "error" } = options as StandardizeOptions;
  x.assertLive("standardize");
  check(x.dtype === "f32", DtypeError, () => expected("standardize", "x", "dtype f32", x.dtype));
  check((mean === undefined) === (std === undefined), ArgumentError, () =>
    expected("standardize", "mean, std", "both or neither", mean === undefined ? "std alone" : "mean alone"),
  );
  return noGrad(() =>
    scope(() => {
      if (missing === "error") reportMissing(x);
      const statistics =
        mean === undefined || std === undefined
          ? statisticsOf(x, dim, missing === "skip")
          : givenStatistics(x, { mean, std });
      return { data: div(sub(x, statistics.mean), statistics.std), ...statistics };
    }),
  );
}

type Statistics = Omit<Standardized, "data">;

function statisticsOf(x: Tensor, dim: number | readonly number[], skips: boolean): Statistics {
  const dims = normalizeDims("standardize", dim, x.ndim);
  check(dims.every((d) => x.shape[d] !== 0) && x.ndim > 0, ArgumentError, () =>
    expected("standardize", "x", "at least one sample to take statistics of", x),
  );
  // Over leading dims the statistics broadcast without them.
  const keepdim = dims.some((d, i) => d !== i);
  const there = skips ? isfinite(x) : undefined;
  const values = (missing: number) => (there ? where(there, x, missing) : x);
  const low = min(values(Number.POSITIVE_INFINITY), dims, { keepdim });
  // Rounding gives a constant feature of a large mean a spread of its own; its extremes tell it exactly.
  const constant = eq(low, max(values(Number.NEGATIVE_INFINITY), dims, { keepdim }));
  const [mean, std] = there ? momentsOf(x, there, dims, keepdim) : [meanOf(x, dims, { keepdim }), undefined];
  return {
    mean: where(constant, low, mean),
    std: where(constant, 1, std ?? stdOf(x, dims, { keepdim, correction: 0 })),
  };
}

/** Mean and standard deviation of the values that are there: two passes, as `std` makes them. */
function momentsOf(x: Tensor, there: Tensor, dims: readonly number[], keepdim: boolean): [Tensor, Tensor] {
  const count = sum(there, dims, { keepdim: true });
  const mean = div(sum(where(there, x, 0), dims, { keepdim: true }), count);
  const squares = where(there, square(sub(x, mean)), 0);
  const std = sqrt(div(sum(squares, dims, { keepdim }), keepdim ? count : sum(there, dims)));
  return [keepdim ? mean : div(sum(where(there, x, 0), dims), sum(there, dims)), std];
}

/** Makes the next read throw if a value is NaN or infinite. */
function reportMissing(x: Tensor): void {
  const { device } = x;
  const dense = contiguous(x);
  const args = { x: bindingOf(dense), faults: runtimeOf(device).faults.binding, size: x.size, code: missingValue };
  if (x.size > 0) runtimeOf(device).run(missing_check, args, strideGroups(device, x.size));
  if (dense !== x) dense.dispose();
}

function givenStatistics(x: Tensor, given: { mean: Tensor | number; std: Tensor | number }): Statistics {
  const { device } = x;
  const asTensor = (value: Tensor | number) => (typeof value === "number" ? full([], value, { device }) : clone(value));
  const std = asTensor(given.std);
  return { mean: asTensor(given.mean), std: where(eq(std, 0), 1, std) };
}
