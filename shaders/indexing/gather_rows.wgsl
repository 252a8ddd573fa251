// One batch of 32-bit words: row order[start + i] of src becomes row i of y.
// @bytes 2 * written
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { start: u32, rows: u32, width: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> src: array<u32>;       // (samples, width)
@group(0) @binding(2) var<storage, read> order: array<u32>;     // (samples)
@group(0) @binding(3) var<storage, read_write> y: array<u32>;   // (rows, width)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let size = params.rows * params.width;
  for (var i = first_item(invocation); i < size; i += stride) {
    y[i] = src[order[params.start + i / params.width] * params.width + i % params.width];
  }
}
