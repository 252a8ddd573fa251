/** Runs an element function over broadcast operands: four dense elements at a time where all operands allow it. */
import type { Device } from "../gpu/device.ts";
import { strideGroups, workgroupSize } from "../gpu/grid.ts";
import type { KernelArgs } from "../gpu/kernel.ts";
import { broadcastStrides, collapse, type InnerStrides, rowsAndInner, type Shape, sizeOf } from "../tensor/shape.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import {
  type Expression,
  elementwiseShader,
  inputName,
  numberName,
  outputName,
  periodName,
  type Source,
  storedType,
} from "./elementwise-shader.ts";

/** An operand: a tensor, or a number that goes into the params. */
export type Operand = Tensor | number;

type Access = "number" | "dense" | "one" | "row" | "column" | "strided";

/** A new dense tensor of `shape` with the values of `expression` over the operands, broadcast. */
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
  const sources = operands.map((operand, i): Source => {
    if (typeof operand === "number") return { kind: "number" };
    return { kind: flat ? (access[i] as Exclude<Access, "number">) : "strided", type: storedType(operand.dtype) };
  });
  const shader = elementwiseShader([{ expression, sources, stored: true }]);
  const args: Record<string, KernelArgs[string]> = { [outputName(0)]: y.binding, size: y.size };
  operands.forEach((operand, i) => {
    if (typeof operand === "number") args[numberName(0, i)] = operand;
    else args[inputName(0, i)] = flat ? operand.binding : operand.wholeBinding;
    if (operand instanceof Tensor && access[i] === "row") args[periodName(0, i)] = operand.size / 4;
    if (operand instanceof Tensor && access[i] === "column") args[periodName(0, i)] = y.size / operand.size / 4;
  });
  const items = flat ? Math.ceil(y.size / 4) : addStrides(args, operands, shape);
  device.dispatch(device.kernelOf(shader, { WORKGROUP: workgroupSize(device) }), args, strideGroups(device, items));
  return y;
}

function accessOf(operand: Operand, shape: Shape): Access {
  if (typeof operand === "number") return "number";
  if (!operand.isContiguous) return "strided";
  if (operand.size === 1) return "one";
  const size = sizeOf(shape);
  if (operand.size === size) return "dense";
  const { strides } = collapse(shape, [broadcastStrides(operand.shape, operand.strides, shape)]);
  const [outer, inner] = strides[0] as number[];
  if (strides[0]?.length !== 2) return "strided";
  if (outer === 0 && operand.size % 4 === 0) return "row";
  return inner === 0 && (size / operand.size) % 4 === 0 ? "column" : "strided";
}

/** Adds what the strided kernel needs; returns how many pieces there are. */
function addStrides(args: Record<string, KernelArgs[string]>, operands: readonly Operand[], shape: Shape): number {
  const tensors = operands.filter((operand) => operand instanceof Tensor);
  const all = tensors.map((one) => broadcastStrides(one.shape, one.strides, shape));
  const { shape: places, strides } = rowsAndInner(shape, all);
  const { rows, dims, ...params } = places;
  const pieces = rows * places.piecesPerRow;
  Object.assign(args, params, { pieces, shape: dims });
  operands.forEach((operand, i) => {
    if (typeof operand === "number") return;
    const { inner, outer } = strides[tensors.indexOf(operand)] as InnerStrides;
    Object.assign(args, { [`offset_${i}`]: operand.offset, [`inner_${i}`]: inner, [`strides_${i}`]: outer });
  });
  return pieces;
}
