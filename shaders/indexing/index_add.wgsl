// Adjoint of gather_rows: the rows of src with one index are summed, in order, into that row of y. Rows of y without
// any are left as they are. Neighboring threads share a row.
// @bytes 2 * (bound - written)
import package::lib::element::{Bits, Element};
import package::lib::grid::{Invocation, WORKGROUP};
import package::lib::row_items::{ROW_THREADS, first_row, row_step, first_column};
import package::lib::sum::{SUM_BLOCK, SUM_BLOCKS};

struct Params { rows: u32, count: u32, length: u32, inner: u32 } // rows: outer * count; inner: Bits per row
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> src: array<Bits>;     // (outer, count, inner)
@group(0) @binding(2) var<storage, read> sorted: array<u32>;   // (count): the indices in ascending order
@group(0) @binding(3) var<storage, read> order: array<u32>;    // (count): the rows of src that they are of
@group(0) @binding(4) var<storage, read_write> y: array<Bits>; // (outer, length, inner)
// Integers rather than f32.
override INTEGER: bool = false;

fn plus(a: Bits, b: Bits) -> Bits { return select(bitcast<Bits>(bitcast<Element>(a) + bitcast<Element>(b)), a + b, INTEGER); }

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let step = row_step(invocation);
  for (var row = first_row(invocation); row < params.rows; row += step) {
    let first = row % params.count;
    let key = sorted[first];
    let isFirst = first == 0u || sorted[first - 1u] != key;
    if (key >= params.length || !isFirst) { continue; }
    let end = run_end(first, key);
    let matrix = row / params.count;
    let base = matrix * params.count;
    let to = (matrix * params.length + key) * params.inner;
    for (var column = first_column(invocation); column < params.inner; column += ROW_THREADS) {
      y[to + column] = sum_of(base, first, end, column);
    }
  }
}

/** The sum of column `column` of the rows first .. end - 1 in the order of their indices. */
fn sum_of(base: u32, first: u32, end: u32, column: u32) -> Bits {
  var total = Bits();
  for (var start = first; start < end; start += SUM_BLOCKS) {
    var blocks = Bits();
    for (var begin = start; begin < min(start + SUM_BLOCKS, end); begin += SUM_BLOCK) {
      var block = Bits();
      for (var k = begin; k < min(begin + SUM_BLOCK, end); k++) {
        block = plus(block, src[(base + order[k]) * params.inner + column]);
      }
      blocks = plus(blocks, block);
    }
    total = plus(total, blocks);
  }
  return total;
}

/** One past the last of the keys that equal that at `first`: by binary search, since one index may have all of them. */
fn run_end(first: u32, key: u32) -> u32 {
  var low = first + 1u;
  var high = params.count;
  if (low == high || sorted[low] != key) { return low; }
  for (var step = 0u; step < 32u && low < high; step++) {
    let middle = (low + high) / 2u;
    if (sorted[middle] == key) { low = middle + 1u; } else { high = middle; }
  }
  return low;
}
