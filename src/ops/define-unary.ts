/** Makes an elementwise operation of one tensor out of its formula and derivative. */
import { checked } from "../arguments.ts";
import { isGradEnabled } from "../autograd/modes.ts";
import { defineOp } from "../autograd/op.ts";
import { runElementwise } from "../kernels/elementwise/run.ts";
import type { Expression } from "../kernels/elementwise/shader.ts";
import { computeType, isFloat } from "../kernels/promotion.ts";
import { tensorArgument } from "../tensor/arguments.ts";
import { zerosLike } from "../tensor/create.ts";
import type { Dtype } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mul, where } from "./binary.ts";

export interface UnaryRule {
  /** WGSL of f(a), with `p` and `q` for the numbers of `defineWithNumbers`. */
  readonly wgsl: string;
  /** WGSL of f'(a) times the incoming gradient `g`, from `a` (the input) and `b` (the output): the kernel of first derivatives. */
  readonly gradient?: string;
  /** f' in differentiable operations, for second derivatives. A bool tensor selects where the gradient passes. */
  readonly derivative?: (x: Tensor, y: Tensor, p: number, q: number) => Tensor | number;
  /** The tensors that `gradient` and `derivative` read. */
  readonly saves?: "x" | "y" | "both";
  /** WGSL for i32 and u32 inputs, `int` standing for their type; without it they are converted to f32. */
  readonly integer?: string;
  /** The dtype of the result. Default: the input's, or f32 for integers without a formula of their own. */
  readonly result?: Dtype;
  /** True if the formulas are made of operators alone. */
  readonly isArithmetic?: boolean;
  /** Runs in f32 within autocast, since its values soon leave the range of f16. */
  readonly wide?: boolean;
}

interface UnaryAttrs {
  readonly p: number;
  readonly q: number;
}

/** Writes an op's numbers into its formula: distinct values are few (a slope, two limits). */
const filled = (wgsl: string, { p, q }: UnaryAttrs, isInteger = false): string =>
  wgsl.replace(/\bp\b/g, literal(p, isInteger)).replace(/\bq\b/g, literal(q, isInteger));
function literal(value: number, isInteger: boolean): string {
  // WGSL has no infinite constants; integers have no infinity.
  if (!isInteger && !Number.isFinite(value)) return value > 0 ? "inf_beside(a)" : "-inf_beside(a)";
  return `f32(${Math.max(-3.4028234663852886e38, Math.min(3.4028234663852886e38, value))})`;
}

/** Caches the expression of a dtype and the op's numbers: kernels are looked up by its identity. */
function cached(make: (dtype: Dtype, attrs: UnaryAttrs) => Expression): typeof make {
  const known = new Map<string, Expression>();
  return (dtype, attrs) => {
    const key = `${dtype},${attrs.p},${attrs.q}`;
    const expression = known.get(key) ?? make(dtype, attrs);
    known.set(key, expression);
    return expression;
  };
}

/** An elementwise operation of one tensor, as users call it: its arguments are checked. */
/* @__NO_SIDE_EFFECTS__ */
export function defineUnary(name: string, rule: UnaryRule): (x: Tensor) => Tensor {
  const run = defineWithNumbers(name, rule);
  return checked(
    name,
    () => ({ x: tensorArgument }),
    (x: Tensor) => run(x),
  );
}

/** An elementwise operation of one tensor and up to two numbers, `p` and `q` in its formulas. Arguments are trusted. */
/* @__NO_SIDE_EFFECTS__ */
export function defineWithNumbers(name: string, rule: UnaryRule): (x: Tensor, p?: number, q?: number) => Tensor {
  const forward = cached((dtype, attrs) => {
    const integer = isFloat(dtype) || dtype === "bool" ? undefined : rule.integer;
    const isInteger = integer !== undefined;
    const compute = isInteger ? computeType(dtype) : "f32";
    const result = rule.result ?? (isInteger || isFloat(dtype) ? dtype : "f32");
    const wgsl = filled(integer?.replaceAll("int", compute) ?? rule.wgsl, attrs, isInteger);
    return { name, wgsl, compute, result, isArithmetic: rule.isArithmetic };
  });
  const backward = cached((result, attrs) => {
    const wgsl = (rule.gradient ?? "")
      .replace(/\bb\b/g, rule.saves === "both" ? "b" : "a")
      .replace(/\bg\b/g, rule.saves === "both" ? "c" : rule.saves ? "b" : "a");
    const { isArithmetic } = rule;
    return { name: `${name}_backward`, wgsl: filled(wgsl, attrs), compute: "f32", result, isArithmetic };
  });
  const op = defineOp<UnaryAttrs>({
    name,
    ...(rule.wide && { autocast: "f32" }),
    forward(ctx, [x]: [Tensor], attrs) {
      const y = runElementwise(ctx.device, forward(x.dtype, attrs), [x], x.shape);
      if (rule.saves) ctx.save(...(rule.saves === "both" ? [x, y] : [rule.saves === "x" ? x : y]));
      return y;
    },
    ...(rule.gradient && {
      backward(ctx, g: Tensor) {
        // Without anything saved, neither is read.
        const [first = g, second = first] = ctx.saved;
        const [x, y] = rule.saves === "both" ? [first, second] : [first, first];
        if (isGradEnabled()) return chain(rule, g, x, y, ctx.attrs);
        const operands = rule.saves === "both" ? [x, y, g] : rule.saves ? [first, g] : [g];
        return runElementwise(ctx.device, backward(g.dtype, ctx.attrs), operands, g.shape);
      },
    }),
  });
  return (x, p = 0, q = 0) => op([x], { p, q });
}

/** The gradient in differentiable operations. */
function chain(rule: UnaryRule, g: Tensor, x: Tensor, y: Tensor, { p, q }: UnaryAttrs): Tensor {
  const slope = rule.derivative?.(x, y, p, q);
  if (slope === undefined) return zerosLike(g);
  // A mask selects: multiplying an infinite gradient by 0 would give NaN.
  return slope instanceof Tensor && slope.dtype === "bool" ? where(slope, g, 0) : mul(g, slope);
}
