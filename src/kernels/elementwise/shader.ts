/**
 * The WGSL of elementwise kernels. A flat kernel reads four neighbouring elements at a time and may run several stages
 * one after another, the value of one being an operand of a later one; a strided kernel finds every element by itself.
 *
 * A value passes from stage to stage through an exclusive or with a param that is always 0. It costs one integer
 * instruction and stands for the store and the load between separate kernels: no compiler may simplify across it (the
 * square of a root, x - x), nor contract a multiplication and an addition to one rounding.
 */
import { reflect } from "../../gpu/reflect.ts";
import type { Shader } from "../../gpu/shader.ts";
import { mathLibrary } from "../../gpu/shaders.generated.ts";
import { CHUNK, MAX_DIMS } from "../../tensor/shape.ts";
import type { Dtype } from "../../tensor/storage.ts";

/** WGSL of an element function: an expression in a, b, c (the operands), of `compute` type, giving `result` type. */
export interface Expression {
  readonly name: string;
  readonly wgsl: string;
  readonly compute: "f32" | "i32" | "u32";
  readonly result: Dtype;
  /** True if `wgsl` is made of operators alone: a kernel of such expressions is compiled without the library's functions. */
  readonly isArithmetic?: boolean | undefined;
}

/**
 * The source of a stage's operand: a param, a dense buffer, one element, a row that repeats, a column whose elements
 * repeat, any strided view, or the value of an earlier stage. `type` is the element type in memory.
 */
export type Source =
  | { readonly kind: "number" }
  | { readonly kind: "dense" | "one" | "row" | "column" | "strided"; readonly type: string }
  | { readonly kind: "stage"; readonly stage: number };

/** Returns true for operands that take a param: a number itself, or the period of a row or column. */
export const takesParam = ({ kind }: Source): boolean => kind === "number" || kind === "row" || kind === "column";

export interface ElementwiseStage {
  readonly expression: Expression;
  readonly sources: readonly Source[];
  /** True if its value is written to a buffer. */
  readonly stored: boolean;
}

/**
 * A generated shader that knows its stages, so that a capture can fuse it with another. Stage by stage it binds its
 * operands and then its output, and has a param for each operand that takes one; before these stands the size, behind
 * them a zero for each operand position that is a stage's value, and what a strided kernel needs.
 */
export interface ElementwiseShader extends Shader {
  readonly stages: readonly ElementwiseStage[];
}

/** The stages of a flat elementwise shader, which can be fused with others; undefined for any other shader. */
export function fusableStages(shader: Shader): readonly ElementwiseStage[] | undefined {
  if (!("stages" in shader)) return undefined;
  const { stages } = shader as ElementwiseShader;
  return stages.some(({ sources }) => sources.some(({ kind }) => kind === "strided")) ? undefined : stages;
}

const LETTERS = ["a", "b", "c", "d"];
/** Stages that the name of a kernel lists before it counts the rest. */
const NAMED_STAGES = 4;
const shaders = new Map<string, ElementwiseShader>();

/** The element type in memory. */
export const storedType = (dtype: Dtype): string => (dtype === "bool" ? "u32" : dtype);

const inputName = (stage: number, operand: number): string => `in_${stage}_${operand}`;
const numberName = (stage: number, operand: number): string => `number_${stage}_${operand}`;
const periodName = (stage: number, operand: number): string => `period_${stage}_${operand}`;
const outputName = (stage: number): string => `out_${stage}`;
/** A param that is 0, one per operand: two operands that are one value must not look alike to the compiler. */
const zeroName = (operand: number): string => `zero_${operand}`;

/** The shader of these stages, made once. One stage with a strided operand is a strided kernel. */
export function elementwiseShader(stages: readonly ElementwiseStage[]): ElementwiseShader {
  const key = stagesKey(stages);
  const known = shaders.get(key);
  if (known) return known;
  const strided = stages.some(({ sources }) => sources.some(({ kind }) => kind === "strided"));
  const code = strided ? stridedCode(stages[0] as ElementwiseStage) : flatCode(stages);
  const name = shaderName(stages);
  const shader: ElementwiseShader = { name, code, ...reflect(code), stages };
  shaders.set(key, shader);
  return shader;
}

/** The names of the stages, the first ones and a count where there are many. */
function shaderName(stages: readonly ElementwiseStage[]): string {
  const names = stages.map(({ expression }) => expression.name);
  if (names.length <= NAMED_STAGES + 1) return names.join("_");
  return `${names.slice(0, NAMED_STAGES).join("_")}_and_${names.length - NAMED_STAGES}_more`;
}

/** A key, written by hand rather than by JSON: it is made for every new combination of operands. */
function stagesKey(stages: readonly ElementwiseStage[]): string {
  let key = "";
  for (const { expression, sources, stored } of stages) {
    const { wgsl, compute, result, name } = expression;
    key += `${name}|${wgsl}|${compute}|${result}|${stored}`;
    for (const source of sources) {
      key += `,${source.kind}`;
      if ("type" in source) key += source.type;
      if ("stage" in source) key += source.stage;
    }
    key += ";";
  }
  return key;
}

/** Four elements per invocation and turn. */
function flatCode(stages: readonly ElementwiseStage[]): string {
  const lines = stages.flatMap((stage, s) => {
    const { expression, sources, stored } = stage;
    const loads = sources.map((source, i) => `let ${LETTERS[i]}${s} = ${flatLoad(stages, source, s, i)};`);
    const call = (lane: string) => `element${s}(${sources.map((_, i) => `${LETTERS[i]}${s}.${lane}`).join(", ")})`;
    const type = storedType(expression.result);
    const value = `let r${s} = vec4<${type}>(${["x", "y", "z", "w"].map((lane) => `${type}(${call(lane)})`).join(", ")});`;
    return [...loads, value, ...(stored ? [`${outputName(s)}[v] = r${s};`] : [])];
  });
  return `${header(stages, (kind) => kind === "dense" || kind === "row", [])}
${mainLoop("v", "(params.size + 3u) / 4u", lines.join("\n"))}`;
}

function flatLoad(stages: readonly ElementwiseStage[], source: Source, s: number, i: number): string {
  const { compute } = (stages[s] as ElementwiseStage).expression;
  const vector = `vec4<${compute}>`;
  switch (source.kind) {
    case "number":
      return `${vector}(params.${numberName(s, i)})`;
    case "one":
      return `${vector}(${compute}(${inputName(s, i)}[0]))`;
    case "column":
      return `${vector}(${compute}(${inputName(s, i)}[v / params.${periodName(s, i)}]))`;
    case "row":
      return `${vector}(${inputName(s, i)}[v % params.${periodName(s, i)}])`;
    case "stage":
      return `${vector}(${handedOver(stages, source.stage, i)})`;
    default:
      return `${vector}(${inputName(s, i)}[v])`;
  }
}

/** The value of a stage as if it had been stored and loaded: see the head of this file. */
function handedOver(stages: readonly ElementwiseStage[], stage: number, operand: number): string {
  const type = storedType((stages[stage] as ElementwiseStage).expression.result);
  const words = type === "f16" ? "vec2u" : "vec4u";
  return `bitcast<vec4<${type}>>(bitcast<${words}>(r${stage}) ^ ${words}(params.${zeroName(operand)}))`;
}

/** A chunk of the last dim at a time, its offset in each operand found by strides. */
function stridedCode(stage: ElementwiseStage): string {
  const { expression, sources } = stage;
  const tensors = sources.flatMap(({ kind }, i) => (kind === "number" ? [] : [i]));
  const vectors = MAX_DIMS / 4;
  const each = (line: (i: number) => string) => tensors.map(line).join("\n");
  const fields = [
    "pieces: u32, piecesPerRow: u32, inner: u32, rank: u32",
    ...tensors.map((i) => `offset_${i}: u32, inner_${i}: u32`),
    `shape: array<vec4u, ${vectors}>`,
    ...tensors.map((i) => `strides_${i}: array<vec4u, ${vectors}>`),
  ];
  const loads = sources.map(({ kind }, i) =>
    kind === "number" ? `params.${numberName(0, i)}` : `${expression.compute}(${inputName(0, i)}[at_${i}])`,
  );
  const body = `let row = i / params.piecesPerRow;
let start = i % params.piecesPerRow * ${CHUNK}u;
var rest = row;
${each((i) => `var at_${i} = params.offset_${i} + start * params.inner_${i};`)}
for (var k = 0u; k < params.rank; k++) {
let d = ${MAX_DIMS - 1}u - k;
let size = params.shape[d / 4u][d % 4u];
let index = rest % size;
rest /= size;
${each((i) => `at_${i} += index * params.strides_${i}[d / 4u][d % 4u];`)}
}
let end = row * params.inner + min(start + ${CHUNK}u, params.inner);
for (var j = row * params.inner + start; j < end; j++) {
${outputName(0)}[j] = ${storedType(expression.result)}(element0(${loads.join(", ")}));
${each((i) => `at_${i} += params.inner_${i};`)}
}`;
  return `${header([stage], () => false, fields)}\n${mainLoop("i", "params.pieces", body)}`;
}

/** Params, bindings, the shared functions and each stage's element function. */
function header(
  stages: readonly ElementwiseStage[],
  isVector: (kind: string) => boolean,
  fields: readonly string[],
): string {
  const params = ["size: u32"];
  const bindings: string[] = [];
  const functions: string[] = [];
  const flat = fields.length === 0;
  const bind = (access: string, name: string, type: string) =>
    bindings.push(`@group(0) @binding(${bindings.length + 1}) var<storage, ${access}> ${name}: array<${type}>;`);
  stages.forEach(({ expression, sources, stored }, s) => {
    sources.forEach((source, i) => {
      if (source.kind === "number") params.push(`${numberName(s, i)}: ${expression.compute}`);
      if (source.kind === "row" || source.kind === "column") params.push(`${periodName(s, i)}: u32`);
      if ("type" in source) bind("read", inputName(s, i), isVector(source.kind) ? `vec4<${source.type}>` : source.type);
    });
    const type = storedType(expression.result);
    if (stored) bind("read_write", outputName(s), flat ? `vec4<${type}>` : type);
    const operands = sources.map((_, i) => `${LETTERS[i]}: ${expression.compute}`).join(", ");
    const isHalf = expression.result === "f16";
    const body = isHalf ? `half_of(${expression.wgsl})` : expression.wgsl;
    functions.push(`fn element${s}(${operands}) -> ${isHalf ? "f32" : expression.result} { return ${body}; }`);
  });
  const handed = stages.flatMap(({ sources }) => sources.flatMap(({ kind }, i) => (kind === "stage" ? [i] : [])));
  for (const i of new Set(handed)) params.push(`${zeroName(i)}: u32`);
  const usesHalf =
    stages.some(({ expression }) => expression.result === "f16") || bindings.some((line) => line.includes("f16"));
  const half = usesHalf ? "enable f16;\n" : "";
  const usesLibrary = stages.some(({ expression }) => !expression.isArithmetic || expression.result === "f16");
  return `${half}struct Params { ${[...params, ...fields].join(", ")} }
@group(0) @binding(0) var<uniform> params: Params;
${bindings.join("\n")}
${usesLibrary ? mathLibrary : "fn linear_group(wid: vec3u, nwg: vec3u) -> u32 { return wid.x + wid.y * nwg.x; }"}
${functions.join("\n")}`;
}

function mainLoop(index: string, count: string, body: string): string {
  return `override WORKGROUP: u32 = 64;
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u) {
let count = ${count};
for (var ${index} = linear_group(wid, nwg) * WORKGROUP + lane; ${index} < count; ${index} += nwg.x * nwg.y * WORKGROUP) {
${body}
}
}`;
}
