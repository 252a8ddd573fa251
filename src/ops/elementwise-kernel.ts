/**
 * Builds the WGSL of elementwise kernels from an expression and the way each operand is read: four dense elements at a
 * time where all operands allow it, else one by one through strides.
 */
import type { Device } from "../gpu/device.ts";
import { strideGroups, WORKGROUP } from "../gpu/grid.ts";
import type { KernelArgs } from "../gpu/kernel.ts";
import { reflect } from "../gpu/reflect.ts";
import type { Shader } from "../gpu/shader.ts";
import { mathLibrary } from "../gpu/shaders.generated.ts";
import { broadcastStrides, collapse, MAX_DIMS, padDims, type Shape, sizeOf } from "../tensor/shape.ts";
import type { Dtype } from "../tensor/storage.ts";
import { empty, Tensor } from "../tensor/tensor.ts";

/** An operand: a tensor, or a number that goes into the params. */
export type Operand = Tensor | number;

/** WGSL of an element function: an expression in a, b, c (the operands), of `compute` type, giving `result` type. */
export interface Expression {
  readonly name: string;
  readonly wgsl: string;
  readonly compute: "f32" | "i32" | "u32";
  readonly result: Dtype;
}

/** How an operand is read. period: how many elements until it repeats (row), or stays the same (column). */
type Access =
  | { readonly kind: "dense" | "one" | "number" | "strided" }
  | { readonly kind: "row" | "column"; readonly period: number };

const LETTERS = ["a", "b", "c", "d"];
const shaders = new Map<string, Shader>();

/** The element type in memory. */
const stored = (dtype: Dtype): string => (dtype === "bool" ? "u32" : dtype);

/** Runs an element function over broadcast operands into a new dense tensor. */
export function runElementwise(
  device: Device,
  expression: Expression,
  operands: readonly Operand[],
  shape: Shape,
): Tensor {
  const y = empty(device, shape, expression.result);
  if (y.size === 0) return y;
  const access = operands.map((operand) => accessOf(operand, shape));
  const flat = access.every(({ kind }) => kind !== "strided");
  const shader = shaderFor(expression, operands, access, flat);
  const args: Record<string, KernelArgs[string]> = { y: y.binding, size: y.size };
  operands.forEach((operand, i) => {
    const letter = LETTERS[i] as string;
    if (typeof operand === "number") args[`number_${letter}`] = operand;
    else args[`in_${letter}`] = flat ? operand.binding : operand.wholeBinding;
  });
  if (flat) addPeriods(args, access);
  else addStrides(args, operands, shape);
  const items = flat ? Math.ceil(y.size / 4) : y.size;
  device.dispatch(device.kernelOf(shader), args, strideGroups(device, items));
  return y;
}

function accessOf(operand: Operand, shape: Shape): Access {
  if (typeof operand === "number") return { kind: "number" };
  if (!operand.isContiguous) return { kind: "strided" };
  if (operand.size === 1) return { kind: "one" };
  if (operand.size === sizeOf(shape)) return { kind: "dense" };
  const {
    strides: [strides = []],
  } = collapse(shape, [broadcastStrides(operand.shape, operand.strides, shape)]);
  const period = sizeOf(shape) / operand.size;
  if (strides.length === 2 && strides[0] === 0 && operand.size % 4 === 0) return { kind: "row", period: operand.size };
  if (strides.length === 2 && strides[1] === 0 && period % 4 === 0) return { kind: "column", period };
  return { kind: "strided" };
}

function addPeriods(args: Record<string, KernelArgs[string]>, access: readonly Access[]): void {
  access.forEach((one, i) => {
    if ("period" in one) args[`period_${LETTERS[i]}`] = one.period / 4;
  });
}

function addStrides(args: Record<string, KernelArgs[string]>, operands: readonly Operand[], shape: Shape): void {
  const tensors = operands.filter((operand) => operand instanceof Tensor);
  const { shape: dims, strides } = collapse(
    shape,
    tensors.map((one) => broadcastStrides(one.shape, one.strides, shape)),
  );
  args.rank = dims.length;
  args.shape = padDims(dims, 1);
  let next = 0;
  operands.forEach((operand, i) => {
    if (typeof operand === "number") return;
    args[`offset_${LETTERS[i]}`] = operand.offset;
    args[`strides_${LETTERS[i]}`] = padDims(strides[next++] as number[], 0);
  });
}

function shaderFor(
  expression: Expression,
  operands: readonly Operand[],
  access: readonly Access[],
  flat: boolean,
): Shader {
  const types = operands.map((operand) => (typeof operand === "number" ? expression.compute : stored(operand.dtype)));
  const kinds = access.map(({ kind }) => (flat || kind === "number" ? kind : "strided"));
  const key = [expression.name, expression.wgsl, expression.compute, expression.result, types, kinds].join("|");
  const known = shaders.get(key);
  if (known) return known;
  const code = flat ? flatCode(expression, types, kinds) : stridedCode(expression, types, kinds);
  const shader: Shader = { name: expression.name, code, ...reflect(code) };
  shaders.set(key, shader);
  return shader;
}

/** Four elements per invocation and turn. */
function flatCode(expression: Expression, types: readonly string[], kinds: readonly string[]): string {
  const loads = kinds.map((kind, i) => {
    const c = LETTERS[i];
    const compute = `vec4<${expression.compute}>`;
    if (kind === "number") return `${compute}(params.number_${c})`;
    if (kind === "one") return `${compute}(${expression.compute}(in_${c}[0]))`;
    if (kind === "column") return `${compute}(${expression.compute}(in_${c}[v / params.period_${c}]))`;
    return `${compute}(in_${c}[${kind === "row" ? `v % params.period_${c}` : "v"}])`;
  });
  const calls = ["x", "y", "z", "w"].map(
    (lane) => `element(${loads.map((_, i) => `${LETTERS[i]}.${lane}`).join(", ")})`,
  );
  const result = stored(expression.result);
  return `${header(
    expression,
    types,
    kinds.map((kind) => kind === "dense" || kind === "row"),
    `array<vec4<${result}>>`,
    kinds.flatMap((kind, i) => (kind === "row" || kind === "column" ? [`period_${LETTERS[i]}: u32`] : [])),
    kinds,
  )}
${mainLoop(
  "v",
  "(params.size + 3u) / 4u",
  `
${loads.map((load, i) => `let ${LETTERS[i]} = ${load};`).join("\n")}
y[v] = vec4<${result}>(${calls.map((call) => `${result}(${call})`).join(", ")});`,
)}`;
}

/** One element at a time, its place in each operand found by strides. */
function stridedCode(expression: Expression, types: readonly string[], kinds: readonly string[]): string {
  const tensors = kinds.flatMap((kind, i) => (kind === "number" ? [] : [LETTERS[i] as string]));
  const vectors = MAX_DIMS / 4;
  const fields = [
    "rank: u32",
    ...tensors.map((c) => `offset_${c}: u32`),
    `shape: array<vec4u, ${vectors}>`,
    ...tensors.map((c) => `strides_${c}: array<vec4u, ${vectors}>`),
  ];
  const loads = kinds.map((kind, i) => {
    const c = LETTERS[i];
    return kind === "number" ? `params.number_${c}` : `${expression.compute}(in_${c}[at_${c}])`;
  });
  const result = stored(expression.result);
  return `${header(
    expression,
    types,
    kinds.map(() => false),
    `array<${result}>`,
    fields,
    kinds,
  )}
${mainLoop(
  "i",
  "params.size",
  `
var rest = i;
${tensors.map((c) => `var at_${c} = params.offset_${c};`).join("\n")}
for (var k = 0u; k < params.rank; k++) {
let d = ${MAX_DIMS - 1}u - k;
let size = params.shape[d / 4u][d % 4u];
let place = rest % size;
rest /= size;
${tensors.map((c) => `at_${c} += place * params.strides_${c}[d / 4u][d % 4u];`).join("\n")}
}
y[i] = ${result}(element(${loads.join(", ")}));`,
)}`;
}

function header(
  expression: Expression,
  types: readonly string[],
  vector: readonly boolean[],
  output: string,
  fields: readonly string[],
  kinds: readonly string[],
): string {
  const numbers = kinds.flatMap((kind, i) =>
    kind === "number" ? [`number_${LETTERS[i]}: ${expression.compute}`] : [],
  );
  const bindings = kinds.flatMap((kind, i) => {
    const type = vector[i] ? `vec4<${types[i]}>` : types[i];
    return kind === "number"
      ? []
      : [`@group(0) @binding(${i + 2}) var<storage, read> in_${LETTERS[i]}: array<${type}>;`];
  });
  const element = expression.result === "bool" ? "bool" : expression.result === "f16" ? "f32" : expression.result;
  const operands = kinds.map((_, i) => `${LETTERS[i]}: ${expression.compute}`).join(", ");
  const half = types.includes("f16") || expression.result === "f16" ? "enable f16;\n" : "";
  return `${half}struct Params { size: u32, ${[...numbers, ...fields].join(", ")} }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: ${output};
${bindings.join("\n")}
${expression.wgsl.match(/[a-z]\w*(?=\()/) ? mathLibrary : "fn linear_group(wid: vec3u, nwg: vec3u) -> u32 { return wid.x + wid.y * nwg.x; }"}
fn element(${operands}) -> ${element} { return ${expression.wgsl}; }`;
}

function mainLoop(index: string, count: string, body: string): string {
  return `@compute @workgroup_size(${WORKGROUP})
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u) {
let count = ${count};
for (var ${index} = linear_group(wid, nwg) * ${WORKGROUP}u + lane; ${index} < count; ${index} += nwg.x * nwg.y * ${WORKGROUP}u) {${body}
}
}`;
}
