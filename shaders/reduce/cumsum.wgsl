// Running sums along the middle dim of x (outer, length, inner), one thread per (outer, inner) line. A line is split into
// blocks and blocks of blocks, each summed from 0 and added to the total of those before it.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::sum::{SUM_BLOCK, SUM_BLOCKS};

struct Params { lines: u32, length: u32, inner: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;       // (outer, length, inner)
@group(0) @binding(2) var<storage, read_write> y: array<u32>; // (outer, length, inner)
// Integers rather than f32.
override INTEGER: bool = false;

fn plus(a: u32, b: u32) -> u32 { return select(bitcast<u32>(bitcast<f32>(a) + bitcast<f32>(b)), a + b, INTEGER); }

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.lines; i += stride) {
    let base = (i / params.inner) * params.length * params.inner + i % params.inner;
    var total = 0u;
    for (var start = 0u; start < params.length; start += SUM_BLOCKS) {
      var blocks = 0u;
      for (var begin = start; begin < min(start + SUM_BLOCKS, params.length); begin += SUM_BLOCK) {
        var block = 0u;
        for (var k = begin; k < min(begin + SUM_BLOCK, params.length); k++) {
          let at = base + k * params.inner;
          block = plus(block, x[at]);
          y[at] = plus(total, plus(blocks, block));
        }
        blocks = plus(blocks, block);
      }
      total = plus(total, blocks);
    }
  }
}
