// Offset in y that each element of src is added to, with an index per element; y's size where the index is out of
// range.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { size: u32, count: u32, length: u32, inner: u32, nowhere: u32 } // size: outer * count * inner
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> index: array<u32>;      // (outer, count, inner)
@group(0) @binding(2) var<storage, read_write> keys: array<u32>; // (outer, count, inner)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let row = i / params.inner / params.count * params.length + index[i];
    keys[i] = select(params.nowhere, row * params.inner + i % params.inner, index[i] < params.length);
  }
}
