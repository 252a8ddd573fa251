// Reports a word in which two slices differ, as a fault, unless an earlier dispatch has reported one.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { words: u32, code: u32, subject: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> first: array<u32>;         // (words)
@group(0) @binding(2) var<storage, read> second: array<u32>;        // (words)
@group(0) @binding(3) var<storage, read_write> faults: array<i32>;  // (4): code, word, subject, -

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.words; i += stride) {
    if (first[i] != second[i]) {
      if (faults[0] != 0) { return; }
      faults[1] = i32(i);
      faults[2] = i32(params.subject);
      faults[0] = i32(params.code);
      return;
    }
  }
}
