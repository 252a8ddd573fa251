// Adjoint of gather with one list of indices: every row of y sums the rows of src that were read from it, in order.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::sum::{SUM_BLOCK, SUM_BLOCKS};

struct Params { size: u32, count: u32, length: u32, inner: u32 } // size: outer * length * inner
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> src: array<u32>;     // (outer, count, inner)
@group(0) @binding(2) var<storage, read> order: array<u32>;   // (count): rows of src, sorted by their index
@group(0) @binding(3) var<storage, read> starts: array<u32>;  // (length + 1): each index's first offset in `order`
@group(0) @binding(4) var<storage, read_write> y: array<u32>; // (outer, length, inner)
// Integers rather than f32.
override INTEGER: bool = false;

fn plus(a: u32, b: u32) -> u32 { return select(bitcast<u32>(bitcast<f32>(a) + bitcast<f32>(b)), a + b, INTEGER); }

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let line = i / params.inner;
    let row = line % params.length;
    let first = (line / params.length) * params.count * params.inner + i % params.inner;
    let end = starts[row + 1u];
    var total = 0u;
    for (var start = starts[row]; start < end; start += SUM_BLOCKS) {
      var blocks = 0u;
      for (var begin = start; begin < min(start + SUM_BLOCKS, end); begin += SUM_BLOCK) {
        var block = 0u;
        for (var k = begin; k < min(begin + SUM_BLOCK, end); k++) {
          block = plus(block, src[first + order[k] * params.inner]);
        }
        blocks = plus(blocks, block);
      }
      total = plus(total, blocks);
    }
    y[i] = total;
  }
}
