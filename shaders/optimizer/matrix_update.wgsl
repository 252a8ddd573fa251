// For optimizers that treat matrices as such: those move along a direction made beforehand, all else by AdamW.
import package::lib::index::{linear_group, group_count};
import package::lib::optimizer::{params, grad, value, piece_of, correction};

@group(0) @binding(4) var<storage, read> direction: array<vec4f>;     // flat moments with MATRIX, else anything
@group(0) @binding(5) var<storage, read_write> expAvg: array<vec4f>;   // flat moments without MATRIX, else anything
@group(0) @binding(6) var<storage, read_write> expAvgSq: array<vec4f>; // flat moments without MATRIX, else anything
override WORKGROUP: u32 = 64;
override MATRIX: bool = true;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  for (var n = linear_group(wid, nwg); n < params.pieces; n += group_count(nwg)) {
    var piece = piece_of(n);
    // a: 1 - beta1, 1 - beta2, 1 / sqrt(1 - beta2^t), factor on the parameter
    // b: lr, lr / (1 - beta1^t), eps
    if (piece.skipped > 0.0) {
      piece.b.y *= correction(piece, piece.a.x);
      piece.a.z *= sqrt(correction(piece, piece.a.y));
    }
    for (var i = lane; i < piece.vectors; i += WORKGROUP) {
      let p = piece.a.w * value[piece.value + i];
      if (MATRIX) {
        value[piece.value + i] = p - piece.b.x * direction[piece.moment + i];
        continue;
      }
      let g = grad[piece.grad + i];
      let m = expAvg[piece.moment + i];
      let mean = m + piece.a.x * (g - m);
      let square = (1.0 - piece.a.y) * expAvgSq[piece.moment + i] + (piece.a.y * g) * g;
      expAvg[piece.moment + i] = mean;
      expAvgSq[piece.moment + i] = square;
      value[piece.value + i] = p - piece.b.y * (mean / (sqrt(square) * piece.a.z + piece.b.z));
    }
  }
}
