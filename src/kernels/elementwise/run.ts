/** Runs an element function over broadcast operands: four dense elements at a time where all operands allow it. */

import type { KernelArgs } from "../../gpu/compute-kernel.ts";
import type { Device } from "../../gpu/device.ts";
import { strideGroups, workgroupSize } from "../../gpu/launch-policy.ts";
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
import {
  type ElementwiseShader,
  type Expression,
  elementwiseShader,
  inputName,
  numberName,
  outputName,
  periodName,
  type Source,
  storedType,
} from "./shader.ts";

/** An operand: a tensor, or a number that goes into the params. */
export type Operand = Tensor | number;

/** How a flat kernel reads an operand; where one of them is strided, all are. */
const ACCESS = ["number", "dense", "one", "row", "column", "strided"] as const;
type Access = (typeof ACCESS)[number];

/** What the shader of a single stage calls its operands. */
const NAMES = /* @__PURE__ */ [0, 1, 2, 3].map((i) => ({
  input: inputName(0, i),
  number: numberName(0, i),
  period: periodName(0, i),
}));
const OUTPUT = /* @__PURE__ */ outputName(0);

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
  const args: Record<string, KernelArgs[string]> = { [OUTPUT]: y.binding, size: y.size };
  operands.forEach((operand, i) => {
    const { input, number, period } = NAMES[i] as (typeof NAMES)[number];
    if (typeof operand === "number") args[number] = operand;
    else {
      args[input] = flat ? operand.binding : operand.wholeBinding;
      if (access[i] === "row") args[period] = operand.size / 4;
      if (access[i] === "column") args[period] = y.size / operand.size / 4;
    }
  });
  const items = flat ? Math.ceil(y.size / 4) : addStrides(args, operands, shape);
  device.dispatch(device.kernelOf(shader, { WORKGROUP: workgroupSize(device) }), args, strideGroups(device, items));
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
