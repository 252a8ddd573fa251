// The two means over each row that the gradient of layer norm needs, beside the row's mean and rstd.
import package::lib::element::{Element, WIDTH, total};
import package::lib::grid::WORKGROUP;
import package::lib::row::{Grid, ROW_THREADS, first_rows, row_stride, row_of, first_column, row_sum};
import package::lib::sum::SUM_BLOCK;

struct Params { rows: u32, cols: u32 } // cols counts Elements
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;      // (rows, cols)
@group(0) @binding(2) var<storage, read> weight: array<Element>; // (cols)
@group(0) @binding(3) var<storage, read> gradY: array<Element>;  // (rows, cols)
@group(0) @binding(4) var<storage, read> stats: array<vec2f>;    // (rows): mean, rstd
@group(0) @binding(5) var<storage, read_write> means: array<vec4f>; // (rows): mean, rstd, mean of g, mean of g * normal
override HAS_WEIGHT: bool = true;
override RMS: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32, grid: Grid) {
  let first = first_column(thread);
  let size = f32(params.cols * WIDTH);
  for (var base = first_rows(grid); base < params.rows; base += row_stride(grid)) {
    let row = row_of(base, thread);
    let start = min(row, params.rows - 1u) * params.cols;
    let stat = stats[min(row, params.rows - 1u)];
    var sum = Element();
    var sumNormal = Element();
    for (var begin = first; begin < params.cols; begin += SUM_BLOCK * ROW_THREADS) {
      var block = Element();
      var blockNormal = Element();
      for (var i = begin; i < min(begin + SUM_BLOCK * ROW_THREADS, params.cols); i += ROW_THREADS) {
        var g = gradY[start + i];
        if (HAS_WEIGHT) { g *= weight[i]; }
        block += g;
        blockNormal += g * (x[start + i] - stat.x);
      }
      sum += block;
      sumNormal += blockNormal;
    }
    let mean = row_sum(total(sum), thread) / size;
    let meanNormal = row_sum(total(sumNormal), thread) * stat.y / size;
    if (first == 0u && row < params.rows) { means[row] = vec4f(stat, select(mean, 0.0, RMS), meanNormal); }
  }
}
