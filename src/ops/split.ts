/** Cutting a tensor along a dim into views whose gradients are joined once, where separate slices would each fill the whole. */
import { defineOp, type Op } from "../autograd/op.ts";
import { zeros } from "../tensor/create.ts";
import type { Shape } from "../tensor/shape.ts";
import type { Dtype } from "../tensor/storage.ts";
import { type Tensor, view } from "../tensor/tensor.ts";
import { cat } from "./cat-split.ts";
import { reshape } from "./movement.ts";

interface Cut {
  readonly dim: number;
  readonly dtype: Dtype;
  readonly shapes: readonly Shape[];
}

const cutOp: Op<Cut, Tensor[]> = defineOp<Cut, Tensor[]>({
  name: "pieces",
  forward(_, [x]: [Tensor], { dim, shapes }) {
    let start = x.offset;
    return shapes.map((shape) => {
      const piece = view(x, shape, x.strides, start);
      start += (shape[dim] as number) * (x.strides[dim] as number);
      return piece;
    });
  },
  backward: ({ device, attrs }, ...gradients: (Tensor | undefined)[]) =>
    cat(
      gradients.map((gradient, i) => gradient ?? zeros(attrs.shapes[i] as Shape, { dtype: attrs.dtype, device })),
      attrs.dim,
    ),
});

/** Pieces of these sizes along `dim`, which they fill. */
export function splitViews(x: Tensor, sizes: readonly number[], dim: number): Tensor[] {
  return cutOp([x], {
    dim,
    dtype: x.dtype,
    shapes: sizes.map((size) => x.shape.map((whole, i) => (i === dim ? size : whole))),
  });
}

/** x[0], x[1], ...: the entries along the first dim. */
export function unbind(x: Tensor): Tensor[] {
  const ones = new Array<number>(x.shape[0] as number).fill(1);
  return splitViews(x, ones, 0).map((piece) => reshape(piece, x.shape.slice(1)));
}
