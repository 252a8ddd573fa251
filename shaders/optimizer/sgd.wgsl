// Gradient descent with momentum for all parameters at once.
import package::lib::index::{linear_group, group_count};
import package::lib::optimizer::{params, grad, value, chunk_of};

@group(0) @binding(4) var<storage, read_write> momentumBuffer: array<vec4f>; // flat state with MOMENTUM, else anything
override WORKGROUP: u32 = 64;
override MOMENTUM: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  for (var n = linear_group(wid, nwg); n < params.chunks; n += group_count(nwg)) {
    let chunk = chunk_of(n);
    // a: lr, decay added to the gradient, momentum, 1 - dampening
    // b: 1 with nesterov
    let isFirst = chunk.b.w - chunk.skipped == 1.0;
    for (var i = thread; i < chunk.vectors; i += WORKGROUP) {
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
