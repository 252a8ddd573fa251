// Normalises each row to mean 0 and variance 1 (or to root mean square 1), then scales and shifts its columns.
import package::lib::element::{Element, WIDTH, total};
import package::lib::index::{linear_group, group_count};
import package::lib::row::{WORKGROUP, ROW_LANES, rows_at_once, row_sum};

struct Params { rows: u32, cols: u32, eps: f32 } // cols counts Elements
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;       // (rows, cols)
@group(0) @binding(2) var<storage, read> weight: array<Element>;  // (cols)
@group(0) @binding(3) var<storage, read> bias: array<Element>;    // (cols)
@group(0) @binding(4) var<storage, read_write> y: array<Element>; // (rows, cols)
@group(0) @binding(5) var<storage, read_write> stats: array<vec2f>; // (rows): mean, 1 / std
override HAS_WEIGHT: bool = true;
override HAS_BIAS: bool = true;
// true: neither mean nor bias, Zhang and Sennrich 2019.
override RMS: bool = false;

/** Mean and 1 / std of a row: sums over differences from the running mean (Welford), joined by Chan's formula. */
fn statistics(start: u32, first: u32, lane: u32) -> vec2f {
  var mean = Element();
  var squares = Element();
  var count = 0.0;
  for (var i = first; i < params.cols; i += ROW_LANES) {
    let value = x[start + i];
    count += 1.0;
    let off = value - mean;
    if (!RMS) { mean += off / count; }
    squares += off * (value - mean);
  }
  let size = f32(params.cols * WIDTH);
  let rowMean = row_sum(total(mean) * count, lane) / size;
  let between = mean - rowMean;
  let variance = row_sum(total(squares + between * between * count), lane) / size;
  return vec2f(select(rowMean, 0.0, RMS), inverseSqrt(variance + params.eps));
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let first = lane % ROW_LANES;
  for (var base = linear_group(wid, nwg) * rows_at_once(); base < params.rows; base += group_count(nwg) * rows_at_once()) {
    let row = base + lane / ROW_LANES;
    let start = min(row, params.rows - 1u) * params.cols;
    let found = statistics(start, first, lane);
    if (first == 0u && row < params.rows) { stats[row] = found; }
    let end = select(0u, params.cols, row < params.rows);
    for (var i = first; i < end; i += ROW_LANES) {
      var value = (x[start + i] - found.x) * found.y;
      if (HAS_WEIGHT) { value *= weight[i]; }
      if (HAS_BIAS) { value += bias[i]; }
      y[start + i] = value;
    }
  }
}
