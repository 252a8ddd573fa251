// Rows shared out to invocations: a row to each (ROW_LANES 1), or to ROW_LANES neighbours that reduce in workgroup memory.
// All invocations of a workgroup must take part in every reduction, since it has barriers.

override WORKGROUP: u32 = 64;
override ROW_LANES: u32 = 1; // a power of two that divides WORKGROUP

/** So few lanes add up all values each, which takes a software adapter less time to compile than a tree of barriers. */
const FEW_LANES = 8u;

var<workgroup> values: array<f32, WORKGROUP>;

/** Rows that a workgroup does at once. */
fn rows_at_once() -> u32 { return WORKGROUP / ROW_LANES; }

/** The sum of `value` over the lanes of a row, in all of them. */
fn row_sum(value: f32, lane: u32) -> f32 { return sum_of(value, lane, ROW_LANES); }

/** The sum of `value` over the workgroup, in all invocations. */
fn group_sum(value: f32, lane: u32) -> f32 { return sum_of(value, lane, WORKGROUP); }

fn sum_of(value: f32, lane: u32, lanes: u32) -> f32 {
  if (lanes == 1u) { return value; }
  values[lane] = value;
  let first = lane - lane % lanes;
  var sum = 0.0;
  if (lanes <= FEW_LANES) {
    workgroupBarrier();
    for (var i = 0u; i < lanes; i++) { sum += values[first + i]; }
  } else {
    for (var half = lanes / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane % lanes < half) { values[lane] += values[lane + half]; }
    }
    workgroupBarrier();
    sum = values[first];
  }
  workgroupBarrier();
  return sum;
}

/** The largest `value` over the lanes of a row, in all of them. */
fn row_max(value: f32, lane: u32) -> f32 {
  if (ROW_LANES == 1u) { return value; }
  values[lane] = value;
  for (var half = ROW_LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane % ROW_LANES < half) { values[lane] = max(values[lane], values[lane + half]); }
  }
  workgroupBarrier();
  let most = values[lane - lane % ROW_LANES];
  workgroupBarrier();
  return most;
}
