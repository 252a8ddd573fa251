// Reports an element that is infinite or NaN, by exponent bits: which of several is open.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { size: u32, code: i32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;            // (size), as f32 bits
@group(0) @binding(2) var<storage, read_write> faults: array<i32>; // (4)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.size; i += stride) {
    if ((x[i] & 0x7f800000u) == 0x7f800000u) {
      faults[0] = params.code;
      faults[1] = i32(i);
      return;
    }
  }
}
