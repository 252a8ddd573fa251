/** The methods of Tensor that are no operations: reading, differentiating, writing in place. */

import { type Parameters, signature } from "../arguments.ts";
import { type BackwardOptions, backward } from "../autograd/backward.ts";
import { noGrad } from "../autograd/modes.ts";
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { backwardArguments, scalar, tensorArgument } from "../tensor/arguments.ts";
import { copyInto, fill } from "../tensor/copy.ts";
import { checkFilling } from "../tensor/create.ts";
import { readData, readItem, readList } from "../tensor/readback.ts";
import { scope } from "../tensor/scope.ts";
import { broadcastShapes, sameShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { expand } from "./broadcast.ts";
import { to } from "./cast.ts";

interface Methods {
  /** All values in row-major order, as a typed array of the dtype (bool: Uint8Array; f16: Float32Array). */
  data(): ReturnType<typeof readData>;
  /** The value of a tensor with one element. */
  item(): Promise<number>;
  /** Nested arrays of numbers, or booleans. */
  tolist(): ReturnType<typeof readList>;
  /**
   * Adds the gradients of this tensor (of its sum weighted by `gradient`) into the leaves' `grad`. A scalar needs no
   * `gradient`: the options may stand in its place.
   */
  backward(gradient?: Tensor | BackwardOptions | null, options?: BackwardOptions): void;
  /** Overwrites the values with `other`'s, broadcast to this shape and converted to this dtype, outside the graph. */
  copy_(other: Tensor): this;
  /** Overwrites every value, outside the graph. */
  fill_(value: number | boolean): this;
}

declare module "../tensor/tensor.ts" {
  interface Tensor extends Methods {}
}

const methods: Methods & ThisType<Tensor> = {
  data() {
    return readData(this as unknown as Tensor);
  },
  item() {
    return readItem(this as unknown as Tensor);
  },
  tolist() {
    return readList(this as unknown as Tensor);
  },
  backward(gradient, options) {
    backward(this as unknown as Tensor, gradient, options);
  },
  copy_(other) {
    const self = this as unknown as Tensor;
    checkTarget("copy_", self);
    other.assertLive("copy_");
    const fits = sameShape(broadcastShapes("copy_", other.shape, self.shape), self.shape);
    check(fits, ShapeError, () => expected("copy_", "other", `a shape that broadcasts to [${self.shape}]`, other));
    noGrad(() => scope(() => copyInto(self, expand(to(other, self.dtype), self.shape))));
    return this;
  },
  fill_(value) {
    const self = this as unknown as Tensor;
    checkTarget("fill_", self);
    fill(self, checkFilling("fill_", value, self.dtype));
    return this;
  },
};
const parameters: Record<keyof Methods, Parameters> = {
  ...{ data: {}, item: {}, tolist: {} },
  backward: backwardArguments,
  copy_: { other: tensorArgument },
  fill_: { value: scalar },
};

for (const [name, method] of Object.entries(methods)) {
  const check = signature(name, parameters[name as keyof Methods]);
  const value = function (this: Tensor, ...given: unknown[]): unknown {
    tensorArgument(name, "this", this);
    check(given);
    return (method as (...given: unknown[]) => unknown).apply(this, given);
  };
  Object.defineProperty(Tensor.prototype, name, { value });
}

function checkTarget(op: string, x: Tensor): void {
  x.assertLive(op);
  check(
    !x.node,
    ArgumentError,
    () => `${op}: this tensor is part of a graph; only leaves and tensors without gradient are written in place`,
  );
  check(
    x.strides.every((stride, i) => stride !== 0 || (x.shape[i] as number) <= 1),
    ArgumentError,
    () => `${op}: several elements of this expanded tensor of shape [${x.shape}] share memory; write into a clone()`,
  );
}
