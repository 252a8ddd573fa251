// Rows by index: row index[start + i] of each matrix of x becomes row i of that of y. Neighboring threads share a row.
// @bytes 2 * written
import package::lib::element::Bits;
import package::lib::grid::{Invocation, WORKGROUP};
import package::lib::row_items::{ROW_THREADS, first_row, row_step, first_column};

struct Params {
  rows: u32,   // of y: outer * count
  count: u32,  // indices
  start: u32,  // the first of them
  length: u32, // rows of a matrix of x
  inner: u32,  // Bits per row
  faultCode: i32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Bits>;       // (outer, length, inner)
@group(0) @binding(2) var<storage, read> index: array<u32>;    // (start + count)
@group(0) @binding(3) var<storage, read_write> y: array<Bits>; // (outer, count, inner): 0 for an index out of range
@group(0) @binding(4) var<storage, read_write> faults: array<i32>;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let step = row_step(invocation);
  for (var row = first_row(invocation); row < params.rows; row += step) {
    let at = row % params.count;
    let chosen = index[params.start + at];
    let isInside = chosen < params.length;
    if (!isInside) {
      faults[0] = params.faultCode;
      faults[1] = i32(at);
      faults[2] = i32(chosen);
      faults[3] = i32(params.length);
    }
    let base = (row / params.count * params.length + select(0u, chosen, isInside)) * params.inner;
    let to = row * params.inner;
    for (var column = first_column(invocation); column < params.inner; column += ROW_THREADS) {
      y[to + column] = select(Bits(), x[base + column], isInside);
    }
  }
}
