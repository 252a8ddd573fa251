// Gradient descent with momentum for all parameters at once.
import package::lib::grid::{Invocation, WORKGROUP, first_group, group_stride};
import package::lib::optimizer::{params, grad, value, chunk_of};

@group(0) @binding(4) var<storage, read_write> momentumBuffer: array<vec4f>; // flat state with MOMENTUM, else anything
override MOMENTUM: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  for (var n = first_group(invocation); n < params.chunks; n += group_stride(invocation)) {
    let chunk = chunk_of(n);
    // a: lr, decay added to the gradient, momentum, 1 - dampening
    // b: 1 with nesterov
    let isFirst = chunk.b.w - chunk.skipped == 1.0;
    for (var i = invocation.thread; i < chunk.vectors; i += WORKGROUP) {
      let p = value[chunk.value + i];
      var change = grad[chunk.grad + i] + chunk.a.y * p;
      if (MOMENTUM) {
        let kept = chunk.a.z * momentumBuffer[chunk.state + i] + chunk.a.w * change;
        let velocity = select(kept, change, isFirst);
        momentumBuffer[chunk.state + i] = velocity;
        change = select(velocity, change + chunk.a.z * velocity, chunk.b.x != 0.0);
      }
      value[chunk.value + i] = p - chunk.a.x * change;
    }
  }
}
