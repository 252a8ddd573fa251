// Newton's step with a diagonal Hessian for all parameters at once, kept safe: positive, damped, clipped.
import package::lib::grid::{Invocation, WORKGROUP, first_group, group_stride};
import package::lib::optimizer::{params, grad, value, chunk_of, bias_correction_ratio};

@group(0) @binding(4) var<storage, read_write> expAvg: array<vec4f>;   // flat state
@group(0) @binding(5) var<storage, read_write> curvature: array<vec4f>; // flat state

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  for (var n = first_group(invocation); n < params.chunks; n += group_stride(invocation)) {
    var chunk = chunk_of(n);
    // a: 1 - beta1, damping, clip, factor on the parameter
    // b: lr, 1 / (1 - beta1^t)
    if (chunk.skipped > 0.0) { chunk.b.y *= bias_correction_ratio(chunk, chunk.a.x); }
    for (var i = invocation.thread; i < chunk.vectors; i += WORKGROUP) {
      let m = expAvg[chunk.state + i];
      let mean = m + chunk.a.x * (grad[chunk.grad + i] - m);
      expAvg[chunk.state + i] = mean;
      // The floor keeps 0 / 0 out where there is neither curvature nor damping.
      let bend = max(abs(curvature[chunk.state + i]) + chunk.a.y, vec4f(1e-30));
      let step = clamp(mean * chunk.b.y / bend, vec4f(-chunk.a.z), vec4f(chunk.a.z));
      value[chunk.value + i] = chunk.a.w * value[chunk.value + i] - chunk.b.x * step;
    }
  }
}
