// Fills a slice with one 32-bit pattern: zero of every dtype, and full() of the four-byte dtypes.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { vectors: u32, bits: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4u>; // (vectors): the slice's size rounded up to 16 bytes

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let value = vec4u(params.bits);
  for (var i = first_item(invocation); i < params.vectors; i += stride) {
    y[i] = value;
  }
}
