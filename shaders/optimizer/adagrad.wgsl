// AdaGrad for all parameters at once.
import package::lib::grid::{Invocation, WORKGROUP, first_group, group_stride};
import package::lib::optimizer::{params, grad, value, chunk_of};

@group(0) @binding(4) var<storage, read_write> sum: array<vec4f>; // flat state

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  for (var n = first_group(invocation); n < params.chunks; n += group_stride(invocation)) {
    let chunk = chunk_of(n);
    // a: lr / (1 + (t - 1) lrDecay), decay added to the gradient, eps, lrDecay
    var rate = chunk.a.x;
    if (chunk.skipped > 0.0) {
      let steps = chunk.b.w - 1.0;
      rate *= (1.0 + steps * chunk.a.w) / (1.0 + (steps - chunk.skipped) * chunk.a.w);
    }
    for (var i = invocation.thread; i < chunk.vectors; i += WORKGROUP) {
      let p = value[chunk.value + i];
      let g = grad[chunk.grad + i] + chunk.a.y * p;
      let total = sum[chunk.state + i] + g * g;
      sum[chunk.state + i] = total;
      value[chunk.value + i] = p - rate * (g / (sqrt(total) + chunk.a.z));
    }
  }
}
