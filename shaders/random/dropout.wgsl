// y = x * scale where a random word reaches the threshold, else 0. The words depend only on seed, call and offset.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::random::philox;

struct Params { size: u32, threshold: u32, scale: f32, seedLow: u32, seedHigh: u32, call: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;       // (size)
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // (size)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i * 4u < params.size; i += stride) {
    let words = philox(i, params.call, params.seedLow, params.seedHigh);
    y[i] = select(vec4f(0.0), x[i] * params.scale, words >= vec4u(params.threshold));
  }
}
