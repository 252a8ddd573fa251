// Adam and AdamW for all parameters at once. Both kinds of decay are always there, one of them idle: without decay the two
// optimizers are the same instructions, so the same bits.
import package::lib::index::{linear_group, group_count};
import package::lib::optimizer::{params, grad, value, piece_of, correction};

@group(0) @binding(4) var<storage, read_write> expAvg: array<vec4f>;      // flat moments
@group(0) @binding(5) var<storage, read_write> expAvgSq: array<vec4f>;    // flat moments
@group(0) @binding(6) var<storage, read_write> maxExpAvgSq: array<vec4f>; // flat moments with AMSGRAD, else anything
override WORKGROUP: u32 = 64;
override AMSGRAD: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  for (var n = linear_group(wid, nwg); n < params.pieces; n += group_count(nwg)) {
    var piece = piece_of(n);
    // a: 1 - beta1, 1 - beta2, decay added to the gradient, factor on the parameter
    // b: lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t), eps
    if (piece.skipped > 0.0) {
      piece.b.x *= correction(piece, piece.a.x);
      piece.b.y *= sqrt(correction(piece, piece.a.y));
    }
    let beta2 = 1.0 - piece.a.y;
    for (var i = lane; i < piece.vectors; i += WORKGROUP) {
      let p = value[piece.value + i];
      let g = grad[piece.grad + i] + piece.a.z * p;
      let m = expAvg[piece.moment + i];
      let mean = m + piece.a.x * (g - m);
      let square = beta2 * expAvgSq[piece.moment + i] + (piece.a.y * g) * g;
      expAvg[piece.moment + i] = mean;
      expAvgSq[piece.moment + i] = square;
      var largest = square;
      if (AMSGRAD) {
        largest = max(maxExpAvgSq[piece.moment + i], square);
        maxExpAvgSq[piece.moment + i] = largest;
      }
      value[piece.value + i] = piece.a.w * p - piece.b.x * (mean / (sqrt(largest) * piece.b.y + piece.b.z));
    }
  }
}
