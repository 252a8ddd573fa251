// The gradient of softmax, or of its logarithm, from the saved y.
import package::lib::element::{Element, total};
import package::lib::exponential::exp_below_zero;
import package::lib::index::{linear_group, group_count};
import package::lib::row::{WORKGROUP, ROW_LANES, rows_at_once, row_sum};
import package::lib::sum::SUM_BLOCK;

struct Params { rows: u32, cols: u32 } // cols counts Elements
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<Element>;           // (rows, cols)
@group(0) @binding(2) var<storage, read> gradY: array<Element>;       // (rows, cols)
@group(0) @binding(3) var<storage, read_write> gradX: array<Element>; // (rows, cols)
override LOG: bool = false;

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
    var sums = Element();
    for (var begin = first; begin < params.cols; begin += SUM_BLOCK * ROW_LANES) {
      var block = Element();
      for (var i = begin; i < min(begin + SUM_BLOCK * ROW_LANES, params.cols); i += ROW_LANES) {
        if (LOG) { block += gradY[start + i]; } else { block += gradY[start + i] * y[start + i]; }
      }
      sums += block;
    }
    let sum = row_sum(total(sums), lane);
    let end = select(0u, params.cols, row < params.rows);
    for (var i = first; i < end; i += ROW_LANES) {
      let at = start + i;
      if (LOG) { gradX[at] = gradY[at] - exp_below_zero(y[at]) * sum; } else { gradX[at] = y[at] * (gradY[at] - sum); }
    }
  }
}
