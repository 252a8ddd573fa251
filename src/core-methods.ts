/** The methods that every tensor has, in `gradwell/core` too: reading, differentiating, writing in place. */

import { type Parameters, signature } from "./arguments.ts";
import { type BackwardOptions, backward } from "./autograd/backward.ts";
import { edgeOf } from "./autograd/graph.ts";
import { noGrad } from "./autograd/modes.ts";
import { cast } from "./autograd/op.ts";
import { ArgumentError, check, expected, ShapeError } from "./errors.ts";
import { expand } from "./ops/broadcast.ts";
import { backwardArguments, scalar, tensorArgument } from "./tensor/arguments.ts";
import { copyInto, fill } from "./tensor/copy.ts";
import { checkFilling } from "./tensor/create.ts";
import { readData, readItem, readList } from "./tensor/readback.ts";
import { scope } from "./tensor/scope.ts";
import { broadcastShapes, sameShape, sizeAt } from "./tensor/shape.ts";
import { Tensor } from "./tensor/tensor.ts";

interface Methods {
  /** All values in row-major order, as a typed array of the dtype (bool: Uint8Array; f16: Float32Array). */
  data(): ReturnType<typeof readData>;
  /** The value of a tensor with one element. */
  item(): Promise<number>;
  /** Nested arrays of numbers, or booleans. */
  tolist(): ReturnType<typeof readList>;
  /**
   * Adds the gradients of this tensor (of its sum weighted by `gradient`) into the leaves' `grad`. A scalar needs no
   * `gradient`: the options may be passed instead.
   */
  backward(gradient?: Tensor | BackwardOptions | null, options?: BackwardOptions): void;
  /** Overwrites the values with `other`'s, broadcast to this shape and converted to this dtype, outside the graph. */
  copy_(other: Tensor): this;
  /** Overwrites every value, outside the graph. */
  fill_(value: number | boolean): this;
}

declare module "./tensor/tensor.ts" {
  interface Tensor extends Methods {}
}

/** Methods as functions of the tensor whose they are. */
export type Unbound<M> = {
  [K in keyof M]: M[K] extends (...given: infer A) => infer R ? (self: Tensor, ...given: A) => R : never;
};

/** Gives all tensors a method: `run` with the tensor as its first argument. */
export function defineMethod(name: string, run: (self: never, ...given: never[]) => unknown): void {
  const call = run as (self: Tensor, ...given: unknown[]) => unknown;
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...given: unknown[]) {
      return call(this, ...given);
    },
  });
}

const methods: Unbound<Methods> = {
  data: readData,
  item: readItem,
  tolist: readList,
  backward,
  copy_(self, other) {
    checkTarget("copy_", self);
    other.assertLive("copy_");
    const fits = sameShape(broadcastShapes("copy_", other.shape, self.shape), self.shape);
    check(fits, ShapeError, () => expected("copy_", "other", `a shape that broadcasts to [${self.shape}]`, other));
    noGrad(() => scope(() => copyInto(self, expand(cast(other, self.dtype), self.shape))));
    return self;
  },
  fill_(self, value) {
    checkTarget("fill_", self);
    fill(self, checkFilling("fill_", value, self.dtype));
    return self;
  },
};
const parameters: Record<keyof Methods, Parameters> = {
  data: {},
  item: {},
  tolist: {},
  backward: backwardArguments,
  copy_: { other: tensorArgument },
  fill_: { value: scalar },
};

for (const name of Object.keys(methods) as (keyof Methods)[]) {
  const run: (self: Tensor, ...given: never[]) => unknown = methods[name];
  const check = /* @__PURE__ */ signature(name, () => parameters[name]);
  defineMethod(name, (self, ...given) => {
    tensorArgument(name, "this", self);
    check(given);
    return run(self, ...given);
  });
}

function checkTarget(op: string, x: Tensor): void {
  x.assertLive(op);
  check(
    !edgeOf(x),
    ArgumentError,
    () => `${op}: this tensor is part of a graph; only leaves and tensors without gradient are written in place`,
  );
  check(
    x.strides.every((stride, i) => stride !== 0 || sizeAt(x.shape, i) <= 1),
    ArgumentError,
    () => `${op}: several elements of this expanded tensor of shape [${x.shape}] share memory; write into a clone()`,
  );
}
