// RMSProp for all parameters at once.
import package::lib::index::{linear_group, group_count};
import package::lib::optimizer::{params, grad, value, piece_of};

@group(0) @binding(4) var<storage, read_write> squareAvg: array<vec4f>;      // flat moments
@group(0) @binding(5) var<storage, read_write> gradAvg: array<vec4f>;        // flat moments with CENTERED, else anything
@group(0) @binding(6) var<storage, read_write> momentumBuffer: array<vec4f>; // flat moments with MOMENTUM, else anything
override WORKGROUP: u32 = 64;
override CENTERED: bool = false;
override MOMENTUM: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  for (var n = linear_group(wid, nwg); n < params.pieces; n += group_count(nwg)) {
    let piece = piece_of(n);
    // a: lr, decay added to the gradient, 1 - alpha, eps
    // b: momentum
    let alpha = 1.0 - piece.a.z;
    for (var i = lane; i < piece.vectors; i += WORKGROUP) {
      let p = value[piece.value + i];
      let g = grad[piece.grad + i] + piece.a.y * p;
      let square = alpha * squareAvg[piece.moment + i] + (piece.a.z * g) * g;
      squareAvg[piece.moment + i] = square;
      var variance = square;
      if (CENTERED) {
        let m = gradAvg[piece.moment + i];
        let mean = m + piece.a.z * (g - m);
        gradAvg[piece.moment + i] = mean;
        // Rounding can take the difference below 0, where the root would be NaN.
        variance = max(square - mean * mean, vec4f());
      }
      var change = g / (sqrt(variance) + piece.a.w);
      if (MOMENTUM) {
        change += piece.b.x * momentumBuffer[piece.moment + i];
        momentumBuffer[piece.moment + i] = change;
      }
      value[piece.value + i] = p - piece.a.x * change;
    }
  }
}
