// Newton's step with a diagonal Hessian for all parameters at once, kept safe: positive, damped, clipped.
import package::lib::index::{linear_group, group_count};
import package::lib::optimizer::{params, grad, value, piece_of, correction};

@group(0) @binding(4) var<storage, read_write> expAvg: array<vec4f>;   // flat moments
@group(0) @binding(5) var<storage, read_write> curvature: array<vec4f>; // flat moments
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  for (var n = linear_group(wid, nwg); n < params.pieces; n += group_count(nwg)) {
    var piece = piece_of(n);
    // a: 1 - beta1, damping, clip, factor on the parameter
    // b: lr, 1 / (1 - beta1^t)
    if (piece.skipped > 0.0) { piece.b.y *= correction(piece, piece.a.x); }
    for (var i = lane; i < piece.vectors; i += WORKGROUP) {
      let m = expAvg[piece.moment + i];
      let mean = m + piece.a.x * (grad[piece.grad + i] - m);
      expAvg[piece.moment + i] = mean;
      // The floor keeps 0 / 0 out where there is neither curvature nor damping.
      let bend = max(abs(curvature[piece.moment + i]) + piece.a.y, vec4f(1e-30));
      let step = clamp(mean * piece.b.y / bend, vec4f(-piece.a.z), vec4f(piece.a.z));
      value[piece.value + i] = piece.a.w * value[piece.value + i] - piece.b.x * step;
    }
  }
}
