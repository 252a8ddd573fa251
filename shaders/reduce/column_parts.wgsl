// Adds the slices' sums of a weight's and a bias's gradient, in the order of the slices.
struct Params { cols: u32, slices: u32, weightAt: u32, biasAt: u32 } // places in grads; NONE: not wanted
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;       // (slices, 2, cols)
@group(0) @binding(2) var<storage, read_write> grads: array<f32>; // holds gradWeight (cols) and gradBias (cols)
override WORKGROUP: u32 = 64;
const NONE = 0xffffffffu;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let col = id.x;
  if (col >= params.cols) { return; }
  var sum = vec2f();
  for (var slice = 0u; slice < params.slices; slice++) {
    let at = slice * 2u * params.cols + col;
    sum += vec2f(parts[at], parts[at + params.cols]);
  }
  if (params.weightAt != NONE) { grads[params.weightAt + col] = sum.x; }
  if (params.biasAt != NONE) { grads[params.biasAt + col] = sum.y; }
}
