/** How an elementwise function of one tensor is made of its formula and derivative. */
import { isGradEnabled } from "../autograd/modes.ts";
import { defineOp } from "../autograd/op.ts";
import { check, DtypeError, expected } from "../errors.ts";
import { runElementwise } from "../kernels/elementwise/run.ts";
import type { Expression } from "../kernels/elementwise/shader.ts";
import { computeType, isFloat } from "../kernels/promotion.ts";
import { zerosLike } from "../tensor/create.ts";
import type { Dtype } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import { mul, where } from "./binary.ts";

export interface UnaryRule {
  /** f(a), with `p` and `q` for the op's own numbers. */
  readonly wgsl: string;
  /** f'(a) times the incoming gradient `g`, from a (the input) and b (the output): one kernel for first derivatives. */
  readonly gradient?: string;
  /** f' in differentiable operations: for second derivatives. */
  readonly derivative?: (x: Tensor, y: Tensor, p: number, q: number) => Tensor | number;
  readonly saves?: "x" | "y" | "both";
  /** What i32 and u32 inputs (`int`) give, by the same or another formula; without it they are lifted to f32. */
  readonly integer?: string;
  readonly result?: Dtype;
  /** In f32 within autocast: a short way leads out of f16's range. */
  readonly wide?: boolean;
}

interface UnaryAttrs {
  readonly p: number;
  readonly q: number;
}

/** Writes the op's own numbers into its formula: distinct values are few (a slope, two limits). */
const filled = (wgsl: string, { p, q }: UnaryAttrs, isInteger = false): string =>
  wgsl.replace(/\bp\b/g, literal(p, isInteger)).replace(/\bq\b/g, literal(q, isInteger));
function literal(value: number, isInteger: boolean): string {
  // WGSL has no infinite constants; integers have no infinity.
  if (!isInteger && !Number.isFinite(value)) return value > 0 ? "inf_beside(a)" : "-inf_beside(a)";
  return `f32(${Math.max(-3.4028234663852886e38, Math.min(3.4028234663852886e38, value))})`;
}

/** The expression for a dtype and the op's own numbers, made once. */
function remembered(make: (dtype: Dtype, attrs: UnaryAttrs) => Expression): typeof make {
  const known = new Map<string, Expression>();
  return (dtype, attrs) => {
    const key = `${dtype},${attrs.p},${attrs.q}`;
    const expression = known.get(key) ?? make(dtype, attrs);
    known.set(key, expression);
    return expression;
  };
}

/** An elementwise function of one tensor, with up to two numbers of its own. */
/* @__NO_SIDE_EFFECTS__ */
export function defineUnary(name: string, rule: UnaryRule): (x: Tensor, p?: number, q?: number) => Tensor {
  const forward = remembered((dtype, attrs) => {
    const whole = !isFloat(dtype) && dtype !== "bool" && rule.integer !== undefined;
    const compute = whole ? computeType(dtype) : "f32";
    const result = rule.result ?? (whole || isFloat(dtype) ? dtype : "f32");
    const wgsl = filled(whole ? (rule.integer as string).replaceAll("int", compute) : rule.wgsl, attrs, whole);
    return { name, wgsl, compute, result };
  });
  const backward = remembered((result, attrs) => {
    const wgsl = (rule.gradient as string)
      .replace(/\bb\b/g, rule.saves === "both" ? "b" : "a")
      .replace(/\bg\b/g, rule.saves === "both" ? "c" : rule.saves ? "b" : "a");
    return { name: `${name}_backward`, wgsl: filled(wgsl, attrs), compute: "f32", result };
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
        const first = ctx.saved[0] as Tensor;
        const [x, y] = rule.saves === "both" ? [first, ctx.saved[1] as Tensor] : [first, first];
        if (isGradEnabled()) return chain(rule, g, x, y, ctx.attrs);
        const operands = rule.saves === "both" ? [x, y, g] : rule.saves ? [first, g] : [g];
        return runElementwise(ctx.device, backward(g.dtype, ctx.attrs), operands, g.shape);
      },
    }),
  });
  return (x, p = 0, q = 0) => {
    check(x instanceof Tensor, DtypeError, () => expected(name, "x", "a tensor", x));
    return op([x], { p, q });
  };
}

function chain(rule: UnaryRule, g: Tensor, x: Tensor, y: Tensor, { p, q }: UnaryAttrs): Tensor {
  const slope = rule.derivative?.(x, y, p, q);
  if (slope === undefined) return zerosLike(g);
  // A mask selects: a product with 0 would make NaN of an infinite gradient.
  return slope instanceof Tensor && slope.dtype === "bool" ? where(slope, g, 0) : mul(g, slope);
}
