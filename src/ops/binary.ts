/** Elementwise operations of two or three operands, with NumPy's broadcasting. Numbers stand for scalar tensors. */
import { hooks } from "../autograd/backward.ts";
import { type BackwardContext, defineOp } from "../autograd/op.ts";
import { ArgumentError, check, DtypeError, expected } from "../errors.ts";
import { broadcastShapes, type Shape, sameShape } from "../tensor/shape.ts";
import type { Dtype } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import { broadcasting } from "./broadcast.ts";
import { computeType, isFloat, promote } from "./dtype.ts";
import { type Operand, runElementwise } from "./elementwise-kernel.ts";

/** Numbers among the operands: they are no inputs of the graph. */
interface Numbers {
  readonly numbers: readonly (number | undefined)[];
}

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
}

export function defineBinary(name: string, rule: BinaryRule): (a: Operand, b: Operand) => Tensor {
  const op = defineOp<Numbers>({
    name,
    forward(ctx, [a, b]: [Tensor | undefined, Tensor | undefined], { numbers }) {
      const operands = [a ?? (numbers[0] as number), b ?? (numbers[1] as number)];
      const shape = a && b ? broadcastShapes(name, a.shape, b.shape) : ((a ?? b) as Tensor).shape;
      let dtype = promote(operands);
      if (!isFloat(dtype) && rule.wgsl.i32 === undefined) dtype = "f32";
      const compute = computeType(dtype);
      const wgsl = rule.wgsl[compute] ?? rule.wgsl.i32 ?? rule.wgsl.f32;
      const y = runElementwise(
        ctx.device,
        { name, wgsl, compute, result: rule.result ?? (dtype === "bool" ? "i32" : dtype) },
        operands,
        shape,
      );
      const kept: Record<string, Tensor | undefined> = { a, b, y };
      ctx.save(...(rule.saves ?? []).map((letter) => kept[letter] ?? y));
      return y;
    },
    ...(rule.gradients && {
      backward(ctx: BackwardContext<Numbers>, g: Tensor) {
        const saved = new Map((rule.saves ?? []).map((letter, i) => [letter, ctx.saved[i] as Tensor]));
        const operand = (i: 0 | 1) => ctx.attrs.numbers[i] ?? (saved.get(i === 0 ? "a" : "b") as Tensor);
        return (rule.gradients as NonNullable<BinaryRule["gradients"]>)(
          g,
          operand(0),
          operand(1),
          saved.get("y") as Tensor,
          ctx.needs,
        );
      },
    }),
  });
  // Broadcast dims are summed away by an identity in front of the op, which knows the operand's own shape.
  return (a, b) => {
    for (const [argument, operand] of Object.entries({ a, b })) {
      check(typeof operand === "number" || operand instanceof Tensor, DtypeError, () =>
        expected(name, argument, "a tensor or a number", operand),
      );
    }
    check(a instanceof Tensor || b instanceof Tensor, ArgumentError, () => `${name}: expected at least one tensor`);
    const [x, y] = a instanceof Tensor && b instanceof Tensor ? broadcastPair(name, a, b) : [a, b];
    const numbers = [x, y].map((one) => (typeof one === "number" ? one : undefined));
    return op(
      [x, y].map((one) => (one instanceof Tensor ? one : undefined)),
      { numbers },
    );
  };
}

/** Operands of one shape, or marked so that their gradients are summed to their own. */
function broadcastPair(name: string, a: Tensor, b: Tensor): [Tensor, Tensor] {
  if (sameShape(a.shape, b.shape)) return [a, b];
  const shape = broadcastShapes(name, a.shape, b.shape);
  return [broadcasting(a, shape), broadcasting(b, shape)];
}

const arithmetic = (symbol: string) => ({ f32: `a ${symbol} b`, i32: `a ${symbol} b`, u32: `a ${symbol} b` });
const comparison = (symbol: string): BinaryRule => ({ wgsl: arithmetic(symbol), result: "bool" });

/** a + b. */
export const add = defineBinary("add", { wgsl: arithmetic("+"), gradients: (g) => [g, g] });
/** a - b. */
export const sub = defineBinary("sub", {
  wgsl: arithmetic("-"),
  gradients: (g, _a, _b, _y, needs) => [g, needs[1] ? mul(g, -1) : undefined],
});
/** a * b. */
export const mul = defineBinary("mul", {
  wgsl: arithmetic("*"),
  saves: ["a", "b"],
  gradients: (g, a, b, _y, needs) => [needs[0] ? mul(g, b) : undefined, needs[1] ? mul(g, a) : undefined],
});
/** a / b, always a float. */
export const div = defineBinary("div", {
  wgsl: { f32: "a / b" },
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
  gradients: (g, a, b) => [mul(g, share(a, b)), mul(g, share(b, a))],
});
/** The smaller of a and b; NaN if either is. Equal values share the gradient. */
export const minimum = defineBinary("minimum", {
  wgsl: { f32: "minimum(a, b)", i32: "min(a, b)" },
  saves: ["a", "b"],
  gradients: (g, a, b) => [mul(g, share(b, a)), mul(g, share(a, b))],
});
const share = defineBinary("larger_share", { wgsl: { f32: "larger_share(a, b)" } });
/** 1 where both are not 0; for operands that are 0 or 1. */
export const logicalAnd = defineBinary("logicalAnd", {
  wgsl: { f32: "a * b != 0.0", i32: "a * b != 0", u32: "a * b != 0u" },
  result: "bool",
});

/** Comparisons: tensors of dtype bool, without gradient. */
export const eq = defineBinary("eq", comparison("=="));
export const ne = defineBinary("ne", comparison("!="));
export const lt = defineBinary("lt", comparison("<"));
export const le = defineBinary("le", comparison("<="));
export const gt = defineBinary("gt", comparison(">"));
export const ge = defineBinary("ge", comparison(">="));

/** `condition ? a : b`, elementwise; `condition` is bool (or any number, true when not 0). */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  check(condition instanceof Tensor, DtypeError, () => expected("where", "condition", "a tensor", condition));
  const tensors = [condition, a, b].filter((one): one is Tensor => one instanceof Tensor);
  const shape = tensors.reduce<Shape>((joined, one) => broadcastShapes("where", joined, one.shape), []);
  const fit = (one: Operand) => (one instanceof Tensor ? broadcasting(one, shape) : one);
  const [x, y] = [fit(a), fit(b)];
  const numbers = [x, y].map((one) => (typeof one === "number" ? one : undefined));
  return select([condition, ...[x, y].map((one) => (one instanceof Tensor ? one : undefined))], { numbers, shape });
}

const select = defineOp<Numbers & { shape: Shape }>({
  name: "where",
  forward(ctx, [condition, a, b]: [Tensor, Tensor | undefined, Tensor | undefined], { numbers, shape }) {
    const operands = [a ?? (numbers[0] as number), b ?? (numbers[1] as number)];
    const both = operands.every((one) => typeof one === "number");
    const result = both ? "f32" : promote(operands);
    ctx.save(condition);
    const compute = computeType(result);
    const wgsl = compute === "f32" ? "select(c, b, a != 0.0)" : `select(c, b, a != ${compute}(0))`;
    return runElementwise(ctx.device, { name: "where", wgsl, compute, result }, [condition, ...operands], shape);
  },
  backward(ctx, g: Tensor) {
    const condition = ctx.saved[0] as Tensor;
    return [
      undefined,
      ctx.needs[1] ? where(condition, g, 0) : undefined,
      ctx.needs[2] ? where(condition, 0, g) : undefined,
    ];
  },
});

hooks.add = add;
