// Grid-stride loops over rows that need no barrier: a row to each ROW_THREADS neighboring threads, which take its
// columns in turn.
import package::lib::grid::{Invocation, WORKGROUP};
import package::lib::index::{linear_group, group_count};

override ROW_THREADS: u32 = 1; // a power of two that divides WORKGROUP

/** The first row of an invocation. */
fn first_row(at: Invocation) -> u32 {
  return linear_group(at.workgroup, at.workgroups) * (WORKGROUP / ROW_THREADS) + at.thread / ROW_THREADS;
}

/** Rows that the grid does at once: the distance from one row of an invocation to the next. */
fn row_step(at: Invocation) -> u32 { return group_count(at.workgroups) * (WORKGROUP / ROW_THREADS); }

/** An invocation's first column; the others follow at distances of ROW_THREADS. */
fn first_column(at: Invocation) -> u32 { return at.thread % ROW_THREADS; }
