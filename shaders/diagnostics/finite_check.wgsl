// Raises a flag when any element is infinite or NaN, by exponent bits: comparisons with infinity may be folded away.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { size: u32, slot: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;                    // (size), as f32 bits
@group(0) @binding(2) var<storage, read_write> flags: array<atomic<u32>>;  // one per checked tensor

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  var found = false;
  for (var i = first_item(invocation); i < params.size; i += stride) {
    found = found || (x[i] & 0x7f800000u) == 0x7f800000u;
  }
  if (found) { atomicOr(&flags[params.slot], 1u); }
}
