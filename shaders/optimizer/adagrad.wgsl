// AdaGrad for all parameters at once.
import package::lib::index::{linear_group, group_count};
import package::lib::optimizer::{params, grad, value, piece_of};

@group(0) @binding(4) var<storage, read_write> sum: array<vec4f>; // flat moments
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  for (var n = linear_group(wid, nwg); n < params.pieces; n += group_count(nwg)) {
    let piece = piece_of(n);
    // a: lr / (1 + (t - 1) lrDecay), decay added to the gradient, eps, lrDecay
    var rate = piece.a.x;
    if (piece.skipped > 0.0) {
      let steps = piece.b.w - 1.0;
      rate *= (1.0 + steps * piece.a.w) / (1.0 + (steps - piece.skipped) * piece.a.w);
    }
    for (var i = lane; i < piece.vectors; i += WORKGROUP) {
      let p = value[piece.value + i];
      let g = grad[piece.grad + i] + piece.a.y * p;
      let total = sum[piece.moment + i] + g * g;
      sum[piece.moment + i] = total;
      value[piece.value + i] = p - rate * (g / (sqrt(total) + piece.a.z));
    }
  }
}
