// Softmax, or its logarithm, of each row. A row of only -inf, or one with NaN or inf, gives NaN, as in PyTorch.
import package::lib::activation::nan_of;
import package::lib::element::{Element, total, largest};
import package::lib::elementary::log_exact;
import package::lib::exponential::{exp_below_zero, nan_if, LARGEST_F32};
import package::lib::grid::WORKGROUP;
import package::lib::row::{Grid, ROW_THREADS, first_rows, row_stride, row_of, first_column, row_sum, row_max};
import package::lib::sum::SUM_BLOCK;

struct Params { rows: u32, cols: u32 } // cols counts Elements
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;       // (rows, cols)
@group(0) @binding(2) var<storage, read_write> y: array<Element>; // (rows, cols)
override LOG: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32, grid: Grid) {
  let first = first_column(thread);
  for (var base = first_rows(grid); base < params.rows; base += row_stride(grid)) {
    let row = row_of(base, thread);
    let start = min(row, params.rows - 1u) * params.cols;
    var most = Element(-LARGEST_F32);
    for (var i = first; i < params.cols; i += ROW_THREADS) { most = max(most, x[start + i]); }
    let rowMost = row_max(largest(most), thread);
    var sums = Element();
    for (var begin = first; begin < params.cols; begin += SUM_BLOCK * ROW_THREADS) {
      var block = Element();
      for (var i = begin; i < min(begin + SUM_BLOCK * ROW_THREADS, params.cols); i += ROW_THREADS) {
        block += exp_below_zero(x[start + i] - rowMost);
      }
      sums += block;
    }
    let sum = row_sum(total(sums), thread);
    // The largest value contributes 1 by itself: a sum of 0 means that there was none.
    let scale = 1.0 / sum + nan_if(sum == 0.0);
    let logSum = log_exact(sum) + nan_of(sum) + nan_if(sum == 0.0);
    let end = select(0u, params.cols, row < params.rows);
    for (var i = first; i < end; i += ROW_THREADS) {
      let d = x[start + i] - rowMost;
      if (LOG) { y[start + i] = d - logSum; } else { y[start + i] = exp_below_zero(d) * scale; }
    }
  }
}
