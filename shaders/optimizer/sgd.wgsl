// Gradient descent with momentum for all parameters at once.
import package::lib::index::{linear_group, group_count};
import package::lib::optimizer::{params, grad, value, piece_of};

@group(0) @binding(4) var<storage, read_write> momentumBuffer: array<vec4f>; // flat moments with MOMENTUM, else anything
override WORKGROUP: u32 = 64;
override MOMENTUM: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  for (var n = linear_group(wid, nwg); n < params.pieces; n += group_count(nwg)) {
    let piece = piece_of(n);
    // a: lr, decay added to the gradient, momentum, 1 - dampening
    // b: 1 with nesterov
    let isFirst = piece.b.w - piece.skipped == 1.0;
    for (var i = lane; i < piece.vectors; i += WORKGROUP) {
      let p = value[piece.value + i];
      var change = grad[piece.grad + i] + piece.a.y * p;
      if (MOMENTUM) {
        let kept = piece.a.z * momentumBuffer[piece.moment + i] + piece.a.w * change;
        let velocity = select(kept, change, isFirst);
        momentumBuffer[piece.moment + i] = velocity;
        change = select(velocity, change + piece.a.z * velocity, piece.b.x != 0.0);
      }
      value[piece.value + i] = p - piece.a.x * change;
    }
  }
}
