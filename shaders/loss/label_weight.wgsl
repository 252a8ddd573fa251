// The sum of the weights of class labels, which a mean over weighted losses divides by. One workgroup.
import package::lib::grid::WORKGROUP;
import package::lib::row::group_sum;
import package::lib::sum::SUM_BLOCK;

struct Params { rows: u32, classes: u32, ignoreIndex: i32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<i32>;      // (rows)
@group(0) @binding(2) var<storage, read> weight: array<f32>;      // (classes)
@group(0) @binding(3) var<storage, read_write> sum: array<f32>;   // (1)
override HAS_WEIGHT: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32) {
  var own = 0.0;
  for (var begin = thread; begin < params.rows; begin += SUM_BLOCK * WORKGROUP) {
    var block = 0.0;
    for (var row = begin; row < min(begin + SUM_BLOCK * WORKGROUP, params.rows); row += WORKGROUP) {
      let label = labels[row];
      if (label == params.ignoreIndex || label < 0 || u32(label) >= params.classes) { continue; }
      if (HAS_WEIGHT) { block += weight[label]; } else { block += 1.0; }
    }
    own += block;
  }
  let weightSum = group_sum(own, thread);
  if (thread == 0u) { sum[0] = weightSum; }
}
