/** Sums, extremes and their indices along axes. */
import { cumsum, type Tensor } from "gradwell";
import type { Call, Operator, Operators } from "../call.ts";

interface Along {
  readonly keepdim: boolean;
}
type Reduction = (x: Tensor, dims: number[] | undefined, options: Along) => Tensor;

const reduction =
  (reduce: Reduction): Operator =>
  async (call) => {
    const axes = await call.list("axes");
    if (axes?.length === 0 && call.flag("noop_with_empty_axes")) return call.x;
    return reduce(call.x, axes?.length ? axes : undefined, { keepdim: call.flag("keepdims", true) });
  };

const extremePlace =
  (op: "argmax" | "argmin"): Operator =>
  (call) => {
    const [axis, options] = [call.real("axis", 0), { keepdim: call.flag("keepdims", true) }];
    if (!call.flag("select_last_index")) return call.x[op](axis, options);
    // The first of the equal ones from behind.
    return call.x
      .flip(axis)
      [op](axis, options)
      .neg()
      .add(call.x.shape.at(axis)! - 1);
  };

async function runningSum(call: Call): Promise<Tensor> {
  const axis = await call.number(1, 0);
  const x = call.flag("reverse") ? call.x.flip(axis) : call.x;
  const sums = call.flag("exclusive") ? cumsum(x, axis).sub(x) : cumsum(x, axis);
  return call.flag("reverse") ? sums.flip(axis) : sums;
}

export const reduce: Operators = {
  ReduceSum: reduction((x, dims, options) => x.sum(dims, options)),
  ReduceMean: reduction((x, dims, options) => x.mean(dims, options)),
  ReduceProd: reduction((x, dims, options) => x.prod(dims, options)),
  ReduceMax: reduction((x, dims, options) => x.max(dims, options)),
  ReduceMin: reduction((x, dims, options) => x.min(dims, options)),
  ReduceL1: reduction((x, dims, options) => x.abs().sum(dims, options)),
  ReduceL2: reduction((x, dims, options) => x.norm(dims, options)),
  ReduceSumSquare: reduction((x, dims, options) => x.square().sum(dims, options)),
  ReduceLogSum: reduction((x, dims, options) => x.sum(dims, options).log()),
  ReduceLogSumExp: reduction((x, dims, options) => x.logsumexp(dims, options)),
  ArgMax: extremePlace("argmax"),
  ArgMin: extremePlace("argmin"),
  CumSum: runningSum,
};
