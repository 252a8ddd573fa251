// Keeps the lower or the upper triangle of matrices; 0 elsewhere.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params { size: u32, rows: u32, columns: u32, diagonal: i32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;       // (..., rows, columns)
@group(0) @binding(2) var<storage, read_write> y: array<u32>; // (..., rows, columns)
override UPPER: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let column = i32(i % params.columns);
    let row = i32((i / params.columns) % params.rows);
    let above = column - row - params.diagonal;
    y[i] = select(0u, x[i], select(above <= 0, above >= 0, UPPER));
  }
}
