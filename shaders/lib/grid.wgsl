// Grid-stride loops: an invocation takes the item of its own index, then every item a whole grid further on, so that any number
// of workgroups covers any number of items.
import package::lib::index::{linear_group, group_count};

override WORKGROUP: u32 = 64;

/** Parameters of the entry point of a grid-stride kernel. */
struct Invocation {
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
}

/** The first item of an invocation. */
fn first_item(at: Invocation) -> u32 { return linear_group(at.workgroup, at.workgroups) * WORKGROUP + at.thread; }

/** Invocations of the grid: the distance from one item of an invocation to the next. */
fn item_stride(at: Invocation) -> u32 { return group_count(at.workgroups) * WORKGROUP; }

/** The first item of a workgroup, where all its threads work on one item at a time. */
fn first_group(at: Invocation) -> u32 { return linear_group(at.workgroup, at.workgroups); }

/** Workgroups of the grid: the distance from one item of a workgroup to the next. */
fn group_stride(at: Invocation) -> u32 { return group_count(at.workgroups); }
