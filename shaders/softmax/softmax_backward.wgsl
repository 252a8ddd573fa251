// The gradient of softmax, or of its logarithm, from the saved y.
import package::lib::element::{Element, total};
import package::lib::exponential::exp_below_zero;
import package::lib::grid::WORKGROUP;
import package::lib::row::{Grid, ROW_THREADS, first_rows, row_stride, row_of, first_column, row_sum};
import package::lib::sum::SUM_BLOCK;

struct Params { rows: u32, cols: u32 } // cols counts Elements
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<Element>;           // (rows, cols)
@group(0) @binding(2) var<storage, read> gradY: array<Element>;       // (rows, cols)
@group(0) @binding(3) var<storage, read_write> gradX: array<Element>; // (rows, cols)
override LOG: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32, grid: Grid) {
  let first = first_column(thread);
  for (var base = first_rows(grid); base < params.rows; base += row_stride(grid)) {
    let row = row_of(base, thread);
    let start = min(row, params.rows - 1u) * params.cols;
    var sums = Element();
    for (var begin = first; begin < params.cols; begin += SUM_BLOCK * ROW_THREADS) {
      var block = Element();
      for (var i = begin; i < min(begin + SUM_BLOCK * ROW_THREADS, params.cols); i += ROW_THREADS) {
        if (LOG) { block += gradY[start + i]; } else { block += gradY[start + i] * y[start + i]; }
      }
      sums += block;
    }
    let sum = row_sum(total(sums), thread);
    let end = select(0u, params.cols, row < params.rows);
    for (var i = first; i < end; i += ROW_THREADS) {
      let at = start + i;
      if (LOG) { gradX[at] = gradY[at] - exp_below_zero(y[at]) * sum; } else { gradX[at] = y[at] * (gradY[at] - sum); }
    }
  }
}
