// Adds the slices' sums of the gradients of weight and bias, in the order of the slices.
import package::lib::slices::{slice_sums, NONE};

struct Params { cols: u32, slices: u32, weightAt: u32, biasAt: u32 } // offsets in grads; NONE: not computed
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> grads: array<f32>; // holds gradWeight (cols) and gradBias (cols)
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let col = id.x;
  if (col >= params.cols) { return; }
  let sum = slice_sums(col, params.cols, params.slices);
  if (params.weightAt != NONE) { grads[params.weightAt + col] = sum.x; }
  if (params.biasAt != NONE) { grads[params.biasAt + col] = sum.y; }
}
