// Rows shared out to threads: a row to each (ROW_THREADS 1), or to ROW_THREADS neighbors that reduce in workgroup memory.
// All threads of a workgroup must take part in every reduction, since it has barriers.
import package::lib::grid::WORKGROUP;
import package::lib::index::{linear_group, group_count};

override ROW_THREADS: u32 = 1; // a power of two that divides WORKGROUP

/** Up to this many threads, each adds up all values, which a software adapter compiles faster than a tree of barriers. */
const MAX_SERIAL_THREADS = 8u;

var<workgroup> values: array<f32, WORKGROUP>;

/** The workgroup, apart from the thread: only what is the same in all of its threads may steer a loop with barriers. */
struct Grid {
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
}

/** Rows that a workgroup does at once. */
fn rows_at_once() -> u32 { return WORKGROUP / ROW_THREADS; }

/** The first of the rows that a workgroup does at once, at the start of its loop. */
fn first_rows(grid: Grid) -> u32 { return linear_group(grid.workgroup, grid.workgroups) * rows_at_once(); }

/** Rows that the grid does at once: the distance from one set of a workgroup's rows to the next. */
fn row_stride(grid: Grid) -> u32 { return group_count(grid.workgroups) * rows_at_once(); }

/** A thread's row among those from `base` on. */
fn row_of(base: u32, thread: u32) -> u32 { return base + thread / ROW_THREADS; }

/** A thread's first column; the others follow at distances of ROW_THREADS. */
fn first_column(thread: u32) -> u32 { return thread % ROW_THREADS; }

/** The sum of `value` over the threads of a row, in all of them. */
fn row_sum(value: f32, thread: u32) -> f32 { return sum_of(value, thread, ROW_THREADS); }

/** The sum of `value` over the workgroup, in all threads. */
fn group_sum(value: f32, thread: u32) -> f32 { return sum_of(value, thread, WORKGROUP); }

/** The sum of `value` over each `count` neighboring threads. */
fn sum_of(value: f32, thread: u32, count: u32) -> f32 {
  if (count == 1u) { return value; }
  values[thread] = value;
  let first = thread - thread % count;
  var sum = 0.0;
  if (count <= MAX_SERIAL_THREADS) {
    workgroupBarrier();
    for (var i = 0u; i < count; i++) { sum += values[first + i]; }
  } else {
    for (var half = count / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (thread % count < half) { values[thread] += values[thread + half]; }
    }
    workgroupBarrier();
    sum = values[first];
  }
  workgroupBarrier();
  return sum;
}

/** The largest `value` over the threads of a row, in all of them. */
fn row_max(value: f32, thread: u32) -> f32 {
  if (ROW_THREADS == 1u) { return value; }
  values[thread] = value;
  for (var half = ROW_THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread % ROW_THREADS < half) { values[thread] = max(values[thread], values[thread + half]); }
  }
  workgroupBarrier();
  let most = values[thread - thread % ROW_THREADS];
  workgroupBarrier();
  return most;
}
