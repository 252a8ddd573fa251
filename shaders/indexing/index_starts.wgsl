// Offset of each index's first occurrence in a sorted list: a binary search for every index in [0, length].
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { count: u32, length: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sorted: array<u32>;       // (count)
@group(0) @binding(2) var<storage, read_write> starts: array<u32>; // (length + 1)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i <= params.length; i += stride) {
    var low = 0u;
    var high = params.count;
    for (var step = 0u; step < 32u && low < high; step++) {
      let middle = (low + high) / 2u;
      if (sorted[middle] < i) { low = middle + 1u; } else { high = middle; }
    }
    starts[i] = low;
  }
}
