// Copies a dense slice, or adds it in place, four words at a time.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { vectors: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> src: array<vec4f>;       // (vectors)
@group(0) @binding(2) var<storage, read_write> dst: array<vec4f>; // (vectors)
// false: dst = src; true: dst += src.
override ADD: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.vectors; i += stride) {
    if (ADD) {
      dst[i] += src[i];
    } else {
      dst[i] = src[i];
    }
  }
}
