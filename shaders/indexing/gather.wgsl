// Elements of x (outer, length, inner) by index along the middle dim, with an index per element.
// @bytes 2 * written
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params {
  size: u32,    // of y: outer * count * inner
  count: u32,   // indices per line
  length: u32,
  inner: u32,
  faultCode: i32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;       // (outer, length, inner)
@group(0) @binding(2) var<storage, read> index: array<u32>;   // (outer, count, inner)
@group(0) @binding(3) var<storage, read_write> y: array<u32>; // (outer, count, inner): 0 for an index out of range
@group(0) @binding(4) var<storage, read_write> faults: array<i32>;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let chosen = index[i];
    if (chosen >= params.length) {
      faults[0] = params.faultCode;
      faults[1] = i32(i);
      faults[2] = i32(chosen);
      faults[3] = i32(params.length);
    }
    let row = (i / params.inner / params.count) * params.length + min(chosen, params.length - 1u);
    y[i] = select(0u, x[row * params.inner + i % params.inner], chosen < params.length);
  }
}
