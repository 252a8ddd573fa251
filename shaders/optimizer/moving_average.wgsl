// mean += rate (x - mean). Values of x that are not finite are left out.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { vectors: u32, rate: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;         // (vectors)
@group(0) @binding(2) var<storage, read_write> mean: array<vec4f>; // (vectors)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.vectors; i += stride) {
    let old = mean[i];
    let finite = (bitcast<vec4u>(x[i]) & vec4u(0x7f800000u)) != vec4u(0x7f800000u);
    mean[i] = select(old, old + params.rate * (x[i] - old), finite);
  }
}
