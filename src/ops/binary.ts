/** Elementwise operations of two or three operands, with NumPy's broadcasting. Numbers stand for scalar tensors. */

import { defineOp, type Op } from "../autograd/op.ts";
import type { BackwardContext } from "../autograd/op-types.ts";
import { ArgumentError, check, DtypeError, expected } from "../errors.ts";
import { type Operand, runElementwise } from "../kernels/elementwise/run.ts";
import type { Expression } from "../kernels/elementwise/shader.ts";
import { computeType, isFloat, promote } from "../kernels/promotion.ts";
import { broadcastShapes, type Shape } from "../tensor/shape.ts";
import type { Dtype } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import { sumTo } from "./broadcast.ts";

interface Operands {
  /** Numbers among the operands: they are no inputs of the graph. */
  readonly numbers: readonly (number | undefined)[];
  /** The tensors' own shapes, to which their gradients are summed. */
  readonly shapes: readonly (Shape | undefined)[];
}

/** The operands of an op as its inputs and attributes. */
function partsOf(operands: readonly Operand[]): { tensors: (Tensor | undefined)[]; attrs: Operands } {
  const tensors = operands.map((one) => (typeof one === "number" ? undefined : one));
  const numbers = operands.map((one) => (typeof one === "number" ? one : undefined));
  return { tensors, attrs: { numbers, shapes: tensors.map((one) => one?.shape) } };
}

/** The operands again: numbers first, since the tensor saved for a number is another one. */
const operandsOf = ([a, b]: readonly (Tensor | undefined)[], { numbers }: Operands): [Operand, Operand] => [
  numbers[0] ?? a ?? 0,
  numbers[1] ?? b ?? 0,
];

/** Gradients in the result's shape, summed to the shapes of the operands. */
const toOwnShapes = (gradients: readonly (Tensor | undefined)[], shapes: Operands["shapes"]) =>
  gradients.map((one, i) => one && shapes[i] && sumTo(one, shapes[i]));

interface BinaryRule {
  /** The expression by compute type; `f32` alone where the result is a float in any case. */
  readonly wgsl: { readonly f32: string; readonly i32?: string; readonly u32?: string };
  readonly result?: Dtype;
  /** Gradients of both operands, in differentiable operations; undefined: the op has none. */
  readonly gradients?: (
    g: Tensor,
    a: Operand,
    b: Operand,
    y: Tensor,
    needs: readonly boolean[],
  ) => (Tensor | undefined)[];
  readonly saves?: readonly ("a" | "b" | "y")[];
  readonly autocast?: "f32";
  readonly bilinear?: boolean;
  /** True if `wgsl` is made of operators alone. */
  readonly isArithmetic?: boolean;
}

function checkOperand(op: string, argument: string, operand: unknown): void {
  if (typeof operand === "number" || operand instanceof Tensor) return;
  throw new DtypeError(expected(op, argument, "a tensor or a number", operand));
}

/* @__NO_SIDE_EFFECTS__ */
export function defineBinary(name: string, rule: BinaryRule): (a: Operand, b: Operand) => Tensor {
  const expressions = new Map<Dtype, Expression>();
  const expressionFor = (dtype: Dtype): Expression => {
    const known = expressions.get(dtype);
    if (known) return known;
    // Arithmetic of bools counts: 1 + 1 is 2.
    const compute = dtype === "bool" && !rule.result ? "i32" : computeType(dtype);
    const wgsl = rule.wgsl[compute] ?? rule.wgsl.i32 ?? rule.wgsl.f32;
    const result = rule.result ?? (dtype === "bool" ? "i32" : dtype);
    const expression = { name, wgsl, compute, result, isArithmetic: rule.isArithmetic };
    expressions.set(dtype, expression);
    return expression;
  };
  const { gradients } = rule;
  const op = defineOp<Operands>({
    name,
    ...(rule.autocast && { autocast: rule.autocast }),
    bilinear: rule.bilinear ?? false,
    forward(ctx, [a, b]: [Tensor | undefined, Tensor | undefined], attrs) {
      const operands = operandsOf([a, b], attrs);
      const shape = broadcastShapes(name, a?.shape ?? [], b?.shape ?? []);
      let dtype = promote(operands);
      if (!isFloat(dtype) && rule.wgsl.i32 === undefined) dtype = "f32";
      const y = runElementwise(ctx.device, expressionFor(dtype), operands, shape);
      if (rule.saves) {
        const kept = { a, b, y };
        ctx.save(...rule.saves.map((letter) => kept[letter] ?? y));
      }
      return y;
    },
    ...(gradients && {
      backward(ctx: BackwardContext<Operands>, g: Tensor) {
        const saved = new Map((rule.saves ?? []).map((letter, i) => [letter, ctx.saved[i]]));
        const [a, b] = operandsOf([saved.get("a"), saved.get("b")], ctx.attrs);
        // A rule reads only what it saves.
        return toOwnShapes(gradients(g, a, b, saved.get("y") ?? g, ctx.needsInputGrad), ctx.attrs.shapes);
      },
    }),
  });
  return (a, b) => {
    checkOperand(name, "a", a);
    checkOperand(name, "b", b);
    check(a instanceof Tensor || b instanceof Tensor, ArgumentError, () => `${name}: expected at least one tensor`);
    const { tensors, attrs } = partsOf([a, b]);
    return op(tensors, attrs);
  };
}

const arithmetic = /* @__NO_SIDE_EFFECTS__ */ (symbol: string) => ({
  f32: `a ${symbol} b`,
  i32: `a ${symbol} b`,
  u32: `a ${symbol} b`,
});
/** Floats are compared by functions of shaders/lib, which handle NaN and subnormal numbers. */
const comparison = /* @__NO_SIDE_EFFECTS__ */ (symbol: string, f32: string): BinaryRule => ({
  wgsl: { ...arithmetic(symbol), f32 },
  result: "bool",
});

/** a + b. */
export const add = defineBinary("add", { wgsl: arithmetic("+"), isArithmetic: true, gradients: (g) => [g, g] });
/** a - b. */
export const sub = defineBinary("sub", {
  wgsl: arithmetic("-"),
  isArithmetic: true,
  gradients: (g, _a, _b, _y, needs) => [g, needs[1] ? mul(g, -1) : undefined],
});
/** a * b. */
export const mul = defineBinary("mul", {
  wgsl: arithmetic("*"),
  isArithmetic: true,
  bilinear: true,
  saves: ["a", "b"],
  gradients: (g, a, b, _y, needs) => [needs[0] ? mul(g, b) : undefined, needs[1] ? mul(g, a) : undefined],
});
/** a / b, always a float. */
export const div = defineBinary("div", {
  wgsl: { f32: "a / b" },
  isArithmetic: true,
  saves: ["b", "y"],
  gradients: (g, _a, b, y, needs) => {
    const shared = div(g, b);
    return [needs[0] ? shared : undefined, needs[1] ? mul(mul(shared, y), -1) : undefined];
  },
});
/** The larger of a and b; NaN if either is. Equal values share the gradient. */
export const maximum = defineBinary("maximum", {
  wgsl: { f32: "maximum(a, b)", i32: "max(a, b)" },
  saves: ["a", "b"],
  gradients: (g, a, b, _y, needs) => [needs[0] ? share(g, a, b) : undefined, needs[1] ? share(g, b, a) : undefined],
});
/** The smaller of a and b; NaN if either is. Equal values share the gradient. */
export const minimum = defineBinary("minimum", {
  wgsl: { f32: "minimum(a, b)", i32: "min(a, b)" },
  saves: ["a", "b"],
  gradients: (g, a, b, _y, needs) => [needs[0] ? share(g, b, a) : undefined, needs[1] ? share(g, a, b) : undefined],
});

const LARGER_SHARE = /* @__PURE__ */ (["f32", "f16"] as const).map(
  (result): Expression => ({ name: "larger_share", wgsl: "larger_share(a, b, c)", compute: "f32", result }),
);

/** The part of g that goes to a as the larger of a and b. A selection, so that an infinite g leaves 0 elsewhere; self-adjoint. */
const share = (g: Tensor, a: Operand, b: Operand): Tensor => {
  const { tensors, attrs } = partsOf([a, b]);
  return shareOp([g, ...tensors], attrs);
};
const shareOp: Op<Operands, Tensor> = defineOp<Operands>({
  name: "larger_share",
  forward(ctx, [g, a, b]: [Tensor, Tensor | undefined, Tensor | undefined], attrs) {
    ctx.save(...[a, b].filter((one) => one !== undefined));
    const operands = [...operandsOf([a, b], attrs), g];
    return runElementwise(ctx.device, LARGER_SHARE[g.dtype === "f16" ? 1 : 0] as Expression, operands, g.shape);
  },
  backward(ctx, g: Tensor) {
    const saved = ctx.saved.values();
    const [a, b] = ctx.attrs.numbers.map((one) => one ?? saved.next().value);
    return [share(g, a as Operand, b as Operand), undefined, undefined];
  },
});

/** 1 where both are not 0; for operands that are 0 or 1. */
export const logicalAnd = defineBinary("logicalAnd", {
  isArithmetic: true,
  wgsl: { f32: "a * b != 0.0", i32: "a * b != 0", u32: "a * b != 0u" },
  result: "bool",
});

/** Comparisons: tensors of dtype bool, without gradient. */
export const eq = defineBinary("eq", comparison("==", "is_equal(a, b)"));
export const ne = defineBinary("ne", comparison("!=", "!is_equal(a, b)"));
export const lt = defineBinary("lt", comparison("<", "is_less(a, b)"));
export const le = defineBinary("le", comparison("<=", "is_at_most(a, b)"));
export const gt = defineBinary("gt", comparison(">", "is_less(b, a)"));
export const ge = defineBinary("ge", comparison(">=", "is_at_most(b, a)"));

/** a == b, or both NaN. */
export const same = defineBinary("same", comparison("==", "is_same(a, b)"));

/** `condition ? a : b`, elementwise; `condition` is bool (or any number, true when not 0). */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  check(condition instanceof Tensor, DtypeError, () => expected("where", "condition", "a tensor", condition));
  const tensors = [condition, a, b].filter((one): one is Tensor => one instanceof Tensor);
  const shape = tensors.reduce<Shape>((joined, one) => broadcastShapes("where", joined, one.shape), []);
  const { tensors: operands, attrs } = partsOf([a, b]);
  return select([condition, ...operands], { ...attrs, shape });
}

const select = defineOp<Operands & { shape: Shape }, Tensor, [condition: Tensor]>({
  name: "where",
  forward(ctx, [condition, a, b]: [Tensor, Tensor | undefined, Tensor | undefined], attrs) {
    const { shape } = attrs;
    const operands = operandsOf([a, b], attrs);
    const both = operands.every((one) => typeof one === "number");
    const result = both ? "f32" : promote(operands);
    ctx.save(condition);
    const compute = isFloat(condition.dtype) ? "f32" : computeType(result);
    // By bits: NaN is true, and a comparison with it may be folded away.
    const chosen = `select(c, b, ${isFloat(condition.dtype) ? "(bitcast<u32>(a) << 1u) != 0u" : `a != ${compute}(0)`})`;
    const wgsl = result === "bool" ? `${chosen} != ${compute}(0)` : isFloat(result) ? chosen : `${result}(${chosen})`;
    return runElementwise(ctx.device, { name: "where", wgsl, compute, result }, [condition, ...operands], shape);
  },
  backward(ctx, g: Tensor) {
    const [condition] = ctx.saved;
    const gradients = [
      ctx.needsInputGrad[1] ? where(condition, g, 0) : undefined,
      ctx.needsInputGrad[2] ? where(condition, 0, g) : undefined,
    ];
    return [undefined, ...toOwnShapes(gradients, ctx.attrs.shapes)];
  },
});
