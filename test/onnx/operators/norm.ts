/** Normalization, and softmax. */
import { logSoftmax, nn, noGrad, softmax, type Tensor } from "gradwell";
import type { Call, Operators } from "../call.ts";

function batchNorm(call: Call): Tensor | Tensor[] {
  const [x, weight, bias, mean, variance] = call.tensors as [Tensor, Tensor, Tensor, Tensor, Tensor];
  const eps = call.real("epsilon", 1e-5);
  if (!call.flag("training_mode")) return nn.batchNorm(x, mean, variance, weight, bias, { eps });
  const kept = call.real("momentum", 0.9);
  const [runningMean, runningVar] = [mean.clone(), variance.clone()];
  const y = nn.batchNorm(x, runningMean, runningVar, weight, bias, { eps, momentum: 1 - kept, training: true });
  // ONNX's running variance takes in the batch's over n, PyTorch's and ours over n - 1.
  const n = x.size / x.shape[1]!;
  const old = variance.mul(kept);
  return [
    y,
    runningMean,
    runningVar
      .sub(old)
      .mul((n - 1) / n)
      .add(old),
  ];
}

function layerNorm(call: Call): Tensor[] {
  const { x } = call;
  const axis = (call.real("axis", -1) + x.ndim) % x.ndim;
  const [eps, dims] = [call.real("epsilon", 1e-5), x.shape.map((_, i) => i).slice(axis)];
  const y = nn.layerNorm(x, x.shape.slice(axis), call.tensor(1), call.optional(2), eps);
  const rstd = x.var(dims, { correction: 0, keepdim: true }).add(eps).rsqrt();
  return [y, x.mean(dims, { keepdim: true }), rstd];
}

/** A group for each channel. */
function instanceNorm(call: Call): Tensor {
  const channels = call.x.shape[1]!;
  const layer = new nn.GroupNorm(channels, channels, { eps: call.real("epsilon", 1e-5) });
  layer.loadStateDict({ weight: call.tensor(1), bias: call.tensor(2) });
  return noGrad(() => layer.forward(call.x));
}

function localResponseNorm(call: Call): Tensor {
  const [size, alpha] = [call.real("size", 1), call.real("alpha", 1e-4)];
  const around = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)] as const;
  const squares = call.x.square().pad(call.x.shape.map((_, i) => (i === 1 ? around : ([0, 0] as const))));
  const parts = Array.from({ length: size }, (_, i) => squares.narrow(1, i, call.x.shape[1]!));
  const sums = parts.reduce((a, b) => a.add(b));
  return call.x.div(
    sums
      .mul(alpha / size)
      .add(call.real("bias", 1))
      .pow(call.real("beta", 0.75)),
  );
}

export const norm: Operators = {
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  InstanceNormalization: instanceNorm,
  LRN: localResponseNorm,
  MeanVarianceNormalization(call) {
    const dims = call.ints("axes") ?? [0, 2, 3];
    const mean = call.x.mean(dims, { keepdim: true });
    return call.x.sub(mean).div(call.x.std(dims, { correction: 0, keepdim: true }).add(1e-9));
  },
  Softmax: (call) => softmax(call.x, call.real("axis", -1)),
  LogSoftmax: (call) => logSoftmax(call.x, call.real("axis", -1)),
};
