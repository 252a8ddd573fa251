// Reports an index that is neither in range nor the ignored one.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { size: u32, length: u32, ignored: i32, faultCode: i32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> index: array<i32>;        // (size)
@group(0) @binding(2) var<storage, read_write> faults: array<i32>; // (4): code, offset, index, length

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let value = index[i];
    if (u32(value) >= params.length && value != params.ignored) {
      faults[0] = params.faultCode;
      faults[1] = i32(i);
      faults[2] = value;
      faults[3] = i32(params.length);
    }
  }
}
