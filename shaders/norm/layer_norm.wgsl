// Normalizes each row to mean 0 and variance 1 (or to root mean square 1), then scales and shifts its columns.
import package::lib::element::{Element, WIDTH, total};
import package::lib::grid::WORKGROUP;
import package::lib::row::{Grid, ROW_THREADS, first_rows, row_stride, row_of, first_column, row_sum};

struct Params { rows: u32, cols: u32, eps: f32 } // cols counts Elements
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;       // (rows, cols)
@group(0) @binding(2) var<storage, read> weight: array<Element>;  // (cols)
@group(0) @binding(3) var<storage, read> bias: array<Element>;    // (cols)
@group(0) @binding(4) var<storage, read_write> y: array<Element>; // (rows, cols)
@group(0) @binding(5) var<storage, read_write> stats: array<vec2f>; // (rows): mean, rstd
override HAS_WEIGHT: bool = true;
override HAS_BIAS: bool = true;
// true: no mean is subtracted, Zhang and Sennrich 2019.
override RMS: bool = false;

/** Mean and rstd of a row: sums over differences from the running mean (Welford), joined by Chan's formula. */
fn statistics(start: u32, first: u32, thread: u32) -> vec2f {
  var mean = Element();
  var squares = Element();
  var count = 0.0;
  for (var i = first; i < params.cols; i += ROW_THREADS) {
    let value = x[start + i];
    count += 1.0;
    let difference = value - mean;
    if (!RMS) { mean += difference / count; }
    squares += difference * (value - mean);
  }
  let size = f32(params.cols * WIDTH);
  let rowMean = row_sum(total(mean) * count, thread) / size;
  let between = mean - rowMean;
  let variance = row_sum(total(squares + between * between * count), thread) / size;
  return vec2f(select(rowMean, 0.0, RMS), inverseSqrt(variance + params.eps));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32, grid: Grid) {
  let first = first_column(thread);
  for (var base = first_rows(grid); base < params.rows; base += row_stride(grid)) {
    let row = row_of(base, thread);
    let start = min(row, params.rows - 1u) * params.cols;
    let stat = statistics(start, first, thread);
    if (first == 0u && row < params.rows) { stats[row] = stat; }
    let end = select(0u, params.cols, row < params.rows);
    for (var i = first; i < end; i += ROW_THREADS) {
      var value = (x[start + i] - stat.x) * stat.y;
      if (HAS_WEIGHT) { value *= weight[i]; }
      if (HAS_BIAS) { value += bias[i]; }
      y[start + i] = value;
    }
  }
}
