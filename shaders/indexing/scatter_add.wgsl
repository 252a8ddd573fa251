// Adjoint of gather with an index per element: every element of y searches its line for the elements to add, in order.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { size: u32, count: u32, length: u32, inner: u32 } // size: outer * length * inner
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> src: array<u32>;     // (outer, count, inner)
@group(0) @binding(2) var<storage, read> index: array<u32>;   // (outer, count, inner)
@group(0) @binding(3) var<storage, read_write> y: array<u32>; // (outer, length, inner)
// Integers rather than f32.
override INTEGER: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let line = i / params.inner;
    let row = line % params.length;
    let first = (line / params.length) * params.count * params.inner + i % params.inner;
    var total = 0u;
    for (var k = 0u; k < params.count; k++) {
      let at = first + k * params.inner;
      if (index[at] == row) {
        total = select(bitcast<u32>(bitcast<f32>(total) + bitcast<f32>(src[at])), total + src[at], INTEGER);
      }
    }
    y[i] = total;
  }
}
