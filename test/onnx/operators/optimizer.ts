/** One step of an optimizer from a given state. */
import { optim, type Tensor } from "gradwell";
import type { Call, Operators } from "../call.ts";
import { leaveOut } from "../value.ts";

/** Inputs of `count` parameters: rate, steps so far, then parameters, gradients and each kind of moment in turn. */
interface Step {
  readonly rate: number;
  readonly steps: number;
  readonly params: Tensor[];
  readonly moments: Tensor[][];
}

async function stepOf(call: Call, kinds: number): Promise<Step> {
  const [rate, steps] = [await call.number(0, 0), await call.number(1, 0)];
  const tensors = call.tensors.slice(2);
  const count = tensors.length / (2 + kinds);
  const group = (i: number) => tensors.slice(i * count, (i + 1) * count);
  const params = group(0).map((x, i) => {
    const param = x.clone();
    param.requiresGrad = true;
    param.grad = group(1)[i]!;
    return param;
  });
  return { rate, steps, params, moments: Array.from({ length: kinds }, (_, i) => group(i + 2)) };
}

/** The parameters and moments after a step; `names` are the moments' in state dicts, `step` counts the steps before. */
function take(
  optimizer: optim.Adam | optim.AdaGrad | optim.SGD,
  { params, moments }: Step,
  names: string[],
  step: number,
): Tensor[] {
  const before = params.map((_, i) =>
    Object.fromEntries([["step", step], ...names.map((name, k) => [name, moments[k]![i]!])]),
  );
  optimizer.loadStateDict({ ...optimizer.stateDict(), state: { ...before } });
  optimizer.step();
  const { state } = optimizer.stateDict();
  const after = names.flatMap((name) => params.map((_, i) => state[i]![name] as Tensor));
  return [...params.map((param) => param.detach().clone()), ...after];
}

/** ONNX adds eps to the root of the raw second moment, and corrects no bias in step 0; the first step here does. */
async function adam(call: Call): Promise<Tensor[]> {
  if (call.real("norm_coefficient_post", 0) !== 0)
    leaveOut("norm_coefficient_post: Adam's decay is one of the gradient");
  const step = await stepOf(call, 2);
  const betas = [call.real("alpha", 0.9), call.real("beta", 0.999)] as const;
  const t = Math.max(1, step.steps);
  const [first, second] = [1 - betas[0] ** t, Math.sqrt(1 - betas[1] ** t)];
  const optimizer = new optim.Adam(step.params, {
    lr: step.steps > 0 ? step.rate : (step.rate * first) / second,
    betas,
    eps: call.real("epsilon", 1e-6) / second,
    weightDecay: call.real("norm_coefficient", 0),
  });
  return take(optimizer, step, ["exp_avg", "exp_avg_sq"], t - 1);
}

async function adagrad(call: Call): Promise<Tensor[]> {
  const step = await stepOf(call, 1);
  const optimizer = new optim.AdaGrad(step.params, {
    lr: step.rate,
    lrDecay: call.real("decay_factor", 0),
    eps: call.real("epsilon", 1e-6),
    weightDecay: call.real("norm_coefficient", 0),
  });
  return take(optimizer, step, ["sum"], step.steps);
}

async function momentum(call: Call): Promise<Tensor[]> {
  const step = await stepOf(call, 1);
  const optimizer = new optim.SGD(step.params, {
    lr: step.rate,
    momentum: call.real("alpha", 0),
    dampening: step.steps > 0 ? 1 - call.real("beta", 1) : 0,
    nesterov: call.text("mode", "standard") === "nesterov",
    weightDecay: call.real("norm_coefficient", 0),
  });
  // Our first step takes the gradient for the momentum; ONNX always has one.
  return take(optimizer, step, ["momentum_buffer"], step.steps + 1);
}

export const optimizers: Operators = { Adam: adam, Adagrad: adagrad, Momentum: momentum };
