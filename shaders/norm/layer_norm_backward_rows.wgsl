// The two means over each row that the gradient of layer norm needs, beside the row's mean and 1 / std.
import package::lib::element::{Element, WIDTH, total};
import package::lib::index::{linear_group, group_count};
import package::lib::row::{WORKGROUP, ROW_LANES, rows_at_once, row_sum};
import package::lib::sum::SUM_BLOCK;

struct Params { rows: u32, cols: u32 } // cols counts Elements
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;      // (rows, cols)
@group(0) @binding(2) var<storage, read> weight: array<Element>; // (cols)
@group(0) @binding(3) var<storage, read> gradY: array<Element>;  // (rows, cols)
@group(0) @binding(4) var<storage, read> stats: array<vec2f>;    // (rows): mean, 1 / std
@group(0) @binding(5) var<storage, read_write> means: array<vec4f>; // (rows): mean, 1 / std, mean of g, mean of g * normal
override HAS_WEIGHT: bool = true;
override RMS: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let first = lane % ROW_LANES;
  let size = f32(params.cols * WIDTH);
  for (var base = linear_group(wid, nwg) * rows_at_once(); base < params.rows; base += group_count(nwg) * rows_at_once()) {
    let row = base + lane / ROW_LANES;
    let start = min(row, params.rows - 1u) * params.cols;
    let stat = stats[min(row, params.rows - 1u)];
    var sum = Element();
    var sumNormal = Element();
    for (var begin = first; begin < params.cols; begin += SUM_BLOCK * ROW_LANES) {
      var block = Element();
      var blockNormal = Element();
      for (var i = begin; i < min(begin + SUM_BLOCK * ROW_LANES, params.cols); i += ROW_LANES) {
        var g = gradY[start + i];
        if (HAS_WEIGHT) { g *= weight[i]; }
        block += g;
        blockNormal += g * (x[start + i] - stat.x);
      }
      sum += block;
      sumNormal += blockNormal;
    }
    let mean = row_sum(total(sum), lane) / size;
    let meanNormal = row_sum(total(sumNormal), lane) * stat.y / size;
    if (first == 0u && row < params.rows) { means[row] = vec4f(stat, select(mean, 0.0, RMS), meanNormal); }
  }
}
