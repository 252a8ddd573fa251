/** Broadcasting and its adjoint: `expand` repeats dims without copying, `sumTo` sums them away again. */
import { defineOp } from "../autograd/op.ts";
import { ArgumentError, check, expected, ShapeError } from "../errors.ts";
import { runReduce } from "../kernels/reduce.ts";
import { broadcastStrides, checkShape, type Shape, sameShape, sizeAt, stridesOf } from "../tensor/shape.ts";
import { type Tensor, view } from "../tensor/tensor.ts";

interface Resize {
  /** The shape before and after. */
  readonly small: Shape;
  readonly large: Shape;
}

const expandOp = defineOp<Resize>({
  name: "expand",
  forward: (_, [x]: [Tensor], { large }) => view(x, large, broadcastStrides(x.shape, x.strides, large), x.offset),
  backward: (ctx, g: Tensor) => sumTo(g, ctx.attrs.small),
});

/** Repeats dims of size 1 (and new leading dims) without copying; -1 keeps a dim. */
export function expand(x: Tensor, shape: Shape): Tensor {
  check(Array.isArray(shape), ArgumentError, () => expected("expand", "shape", "an array", shape));
  const lead = shape.length - x.ndim;
  check(lead >= 0, ShapeError, () => `expand: shape [${x.shape}] does not expand to [${shape}]: fewer dims`);
  const large = shape.map((dim, i) => (dim === -1 && i >= lead ? sizeAt(x.shape, i - lead) : dim));
  checkShape("expand", large);
  x.shape.forEach((dim, i) => {
    check(
      dim === 1 || dim === large[i + lead],
      ShapeError,
      () => `expand: shape [${x.shape}] does not expand to [${shape}]`,
    );
  });
  return expandOp([x], { small: x.shape, large });
}

const sumToOp = defineOp<Resize>({
  name: "sumTo",
  computeDtype: "f32",
  forward(_, [x]: [Tensor], { small, large }) {
    const lead = large.length - small.length;
    const dims = large.flatMap((_dim, i) => (i < lead || small[i - lead] !== large[i] ? [i] : []));
    const total = runReduce(x, dims, "sum");
    const y = view(total, small, stridesOf(small), 0);
    total.dispose();
    return y;
  },
  backward: (ctx, g: Tensor) => expand(g, ctx.attrs.large),
});

/** Sums a gradient over the dims along which an operand of `shape` was broadcast. */
export const sumTo = (g: Tensor, shape: Shape): Tensor =>
  sameShape(g.shape, shape) ? g : sumToOp([g], { small: shape, large: g.shape });
