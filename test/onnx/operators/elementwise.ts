/** Operators of one value at a time, with broadcasting where there are several. */
import * as gradwell from "gradwell";
import { type Dtype, type Tensor, where } from "gradwell";
import type { Operator, Operators } from "../call.ts";
import { castType } from "./create.ts";

const unary =
  (op: (x: Tensor) => Tensor): Operator =>
  (call) =>
    op(call.x);

const binary =
  (op: (a: Tensor, b: Tensor) => Tensor): Operator =>
  (call) =>
    op(call.x, call.tensor(1));

/** Any number of inputs, two by two. */
const folded =
  (op: (a: Tensor, b: Tensor) => Tensor): Operator =>
  (call) =>
    call.tensors.reduce((a, b) => op(a, b));

const logical = (op: (a: Tensor, b: Tensor) => Tensor): Operator => binary((a, b) => op(a, b).to("bool"));

/** Functions by their own name. */
const functions: Operators = {
  ...{ Abs: unary(gradwell.abs), Neg: unary(gradwell.neg), Sign: unary(gradwell.sign), Exp: unary(gradwell.exp) },
  ...{ Log: unary(gradwell.log), Sqrt: unary(gradwell.sqrt), Reciprocal: unary(gradwell.reciprocal) },
  ...{ Sin: unary(gradwell.sin), Cos: unary(gradwell.cos), Erf: unary(gradwell.erf), Not: unary(gradwell.logicalNot) },
  ...{ Relu: unary(gradwell.relu), Sigmoid: unary(gradwell.sigmoid), Tanh: unary(gradwell.tanh) },
  ...{ Softplus: unary(gradwell.softplus), Identity: unary((x) => x) },
  ...{ Add: binary(gradwell.add), Sub: binary(gradwell.sub), Mul: binary(gradwell.mul) },
  ...{ Equal: binary(gradwell.eq), Less: binary(gradwell.lt), LessOrEqual: binary(gradwell.le) },
  ...{ Greater: binary(gradwell.gt), GreaterOrEqual: binary(gradwell.ge) },
  ...{ And: logical(gradwell.mul), Or: logical(gradwell.add), Xor: binary(gradwell.ne) },
  ...{ Max: folded(gradwell.maximum), Min: folded(gradwell.minimum), Sum: folded(gradwell.add) },
  Mean: (call) => call.tensors.reduce((a, b) => a.add(b)).div(call.tensors.length),
  Where: (call) => where(call.x, call.tensor(1), call.tensor(2)),
};

/** Functions with options, and what ONNX defines by a line of them. */
const formulas: Operators = {
  LeakyRelu: (call) => call.x.leakyRelu(call.real("alpha", 0.01)),
  Elu: (call) => call.x.elu(call.real("alpha", 1)),
  Celu(call) {
    const alpha = call.real("alpha", 1);
    return call.x.div(alpha).elu().mul(alpha);
  },
  Selu: (call) => call.x.elu(call.real("alpha", 1.6732632423543772)).mul(call.real("gamma", 1.0507009873554805)),
  PRelu: binary((x, slope) => where(x.lt(0), x.mul(slope), x)),
  ThresholdedRelu: (call) => where(call.x.gt(call.real("alpha", 1)), call.x, 0),
  HardSigmoid: (call) => hardSigmoid(call.x, call.real("alpha", 0.2), call.real("beta", 0.5)),
  HardSwish: (call) => call.x.mul(hardSigmoid(call.x, 1 / 6, 0.5)),
  Softsign: (call) => call.x.div(call.x.abs().add(1)),
  Shrink(call) {
    const [lambd, bias] = [call.real("lambd", 0.5), call.real("bias", 0)];
    return where(call.x.lt(-lambd), call.x.add(bias), where(call.x.gt(lambd), call.x.sub(bias), 0));
  },
  async Clip(call) {
    const low = call.attribute<number>("min") ?? (await call.number(1, -Infinity));
    return call.x.clamp(low, call.attribute<number>("max") ?? (await call.number(2, Infinity)));
  },
  /** The quotient of integers is an integer. */
  Div: binary((a, b) => (isWhole(a) ? a.div(b).to(a.dtype) : a.div(b))),
  /** The result has the base's type. */
  Pow: binary((a, b) => a.pow(b).to(a.dtype)),
  Cast: (call) => call.x.to(castType(call.real("to", 0))),
  CastLike: (call) => call.x.to(call.tensor(1).dtype),
};

const hardSigmoid = (x: Tensor, alpha: number, beta: number): Tensor => x.mul(alpha).add(beta).clamp(0, 1);

const isWhole = ({ dtype }: { dtype: Dtype }): boolean => dtype === "i32" || dtype === "u32";

export const elementwise: Operators = { ...functions, ...formulas };
