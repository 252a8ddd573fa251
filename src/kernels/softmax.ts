/** Launches of softmax and its logarithm over the last dim. */
import { runtimeOf } from "../gpu/device.ts";
import { rowLaunch, vectorized } from "../gpu/launch-policy.ts";
import {
  softmax_backward,
  softmax_backward_vec4,
  softmax_vec4,
  softmax as softmaxShader,
} from "../gpu/shaders.generated.ts";
import { bindingOf } from "../tensor/binding.ts";
import { withScratch } from "../tensor/scratch.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/** x (..., C) as rows, with C counted in Elements, and the launch over them. */
function rowsOf(x: Tensor) {
  const length = x.shape[x.ndim - 1] ?? 1;
  const rows = length === 0 ? 0 : x.size / length;
  const { width } = vectorized(length, 1, 4);
  const cols = length / width;
  return { ...rowLaunch(x.device, rows, cols), params: { rows, cols }, length };
}

/** `exp(x) / sum(exp(x))` over the last dim, or its logarithm. x (..., C) of any strides; y like x, contiguous. */
export function runSoftmax(x: Tensor, LOG: boolean): Tensor {
  const y = empty(x.device, x.shape);
  const { groups, overrides, params, length } = rowsOf(x);
  const { shader } = vectorized(length, softmaxShader, softmax_vec4);
  withScratch((scratch) => {
    const bindings = { x: bindingOf(scratch.contiguous(x)), y: bindingOf(y) };
    runtimeOf(x.device).run(shader, { ...bindings, ...params }, groups, { ...overrides, LOG });
  });
  return y;
}

/** The gradient of `runSoftmax` from its y. gradY like y, of any strides; gradX like y, contiguous. */
export function runSoftmaxBackward(y: Tensor, gradY: Tensor, LOG: boolean): Tensor {
  const gradX = empty(y.device, y.shape);
  const { groups, overrides, params, length } = rowsOf(y);
  const { shader } = vectorized(length, softmax_backward, softmax_backward_vec4);
  withScratch((scratch) => {
    const bindings = { y: bindingOf(y), gradY: bindingOf(scratch.contiguous(gradY)), gradX: bindingOf(gradX) };
    runtimeOf(y.device).run(shader, { ...bindings, ...params }, groups, { ...overrides, LOG });
  });
  return gradX;
}
