/** Runs an element function over broadcast operands: four dense elements at a time where all operands allow it. */

import { type Device, runtimeOf } from "../../gpu/device.ts";
import { strideGroups, workgroupSize } from "../../gpu/launch-policy.ts";
import { PackedArgs } from "../../gpu/packed-args.ts";
import { bindingOf, wholeBindingOf } from "../../tensor/binding.ts";
import {
  broadcastStrides,
  coalesceDims,
  type InnerStrides,
  rowsAndInner,
  type Shape,
  sizeOf,
} from "../../tensor/shape.ts";
import { DTYPES } from "../../tensor/storage.ts";
import { empty, Tensor } from "../../tensor/tensor.ts";
import { type ElementwiseShader, type Expression, elementwiseShader, type Source, storedType } from "./shader.ts";

/** An operand: a tensor, or a number that goes into the params. */
export type Operand = Tensor | number;

/** Access patterns of a flat kernel's operands; where one of them is strided, all are. */
const ACCESS = ["number", "dense", "one", "row", "column", "strided"] as const;
type Access = (typeof ACCESS)[number];

/** The shaders of each expression, by how its operands are read: to look one up by its WGSL took a tenth of a small operation. */
const shaders = new WeakMap<Expression, Map<number, ElementwiseShader>>();

/**
 * A new dense tensor of `shape` with the values of `expression` over the operands, broadcast. An expression that comes
 * again should be the same object.
 */
export function runElementwise(
  device: Device,
  expression: Expression,
  operands: readonly Operand[],
  shape: Shape,
): Tensor {
  const y = empty(device, shape, expression.result);
  if (y.size === 0) return y;
  const access = operands.map((operand) => accessOf(operand, shape));
  const flat = !access.includes("strided");
  const shader = shaderOf(expression, operands, access, flat);
  const args = new PackedArgs();
  args.scalar("u32", y.size);
  operands.forEach((operand, i) => {
    if (typeof operand === "number") args.scalar(expression.compute, operand);
    else {
      args.slices.push(flat ? bindingOf(operand) : wholeBindingOf(operand));
      if (flat && access[i] === "row") args.scalar("u32", operand.size / 4);
      if (flat && access[i] === "column") args.scalar("u32", y.size / operand.size / 4);
    }
  });
  args.slices.push(bindingOf(y));
  const items = flat ? Math.ceil(y.size / 4) : addStrides(args, operands, shape);
  runtimeOf(device).dispatch(
    runtimeOf(device).kernelOf(shader, { WORKGROUP: workgroupSize(device) }),
    args,
    strideGroups(device, items),
  );
  return y;
}

function shaderOf(
  expression: Expression,
  operands: readonly Operand[],
  access: readonly Access[],
  flat: boolean,
): ElementwiseShader {
  let key = 0;
  operands.forEach((operand, i) => {
    const dtype = typeof operand === "number" ? 0 : DTYPES.indexOf(operand.dtype);
    key = (key * ACCESS.length + ACCESS.indexOf(access[i] as Access)) * DTYPES.length + dtype;
  });
  const variants = shaders.get(expression) ?? new Map<number, ElementwiseShader>();
  if (variants.size === 0) shaders.set(expression, variants);
  const known = variants.get(key);
  if (known) return known;
  const sources = operands.map((operand, i): Source => {
    if (typeof operand === "number") return { kind: "number" };
    return { kind: flat ? (access[i] as Exclude<Access, "number">) : "strided", type: storedType(operand.dtype) };
  });
  const shader = elementwiseShader([{ expression, sources, stored: true }]);
  variants.set(key, shader);
  return shader;
}

function accessOf(operand: Operand, shape: Shape): Access {
  if (typeof operand === "number") return "number";
  if (!operand.isContiguous) return "strided";
  if (operand.size === 1) return "one";
  const size = sizeOf(shape);
  if (operand.size === size) return "dense";
  const { strides } = coalesceDims(shape, [broadcastStrides(operand.shape, operand.strides, shape)]);
  const [[outer, inner, ...more] = []] = strides;
  if (inner === undefined || more.length > 0) return "strided";
  if (outer === 0 && operand.size % 4 === 0) return "row";
  return inner === 0 && (size / operand.size) % 4 === 0 ? "column" : "strided";
}

/** Adds the params of a strided kernel; returns how many chunks there are. */
function addStrides(args: PackedArgs, operands: readonly Operand[], shape: Shape): number {
  const tensors = operands.filter((operand) => operand instanceof Tensor);
  const all = tensors.map((one) => broadcastStrides(one.shape, one.strides, shape));
  const { shape: rowed, strides } = rowsAndInner(shape, all);
  const chunks = rowed.rows * rowed.piecesPerRow;
  for (const value of [chunks, rowed.piecesPerRow, rowed.inner, rowed.rank]) args.scalar("u32", value);
  tensors.forEach(({ offset }, i) => {
    args.scalar("u32", offset);
    args.scalar("u32", (strides[i] as InnerStrides).inner);
  });
  args.vectors(rowed.dims);
  for (const { outer } of strides) args.vectors(outer);
  return chunks;
}
