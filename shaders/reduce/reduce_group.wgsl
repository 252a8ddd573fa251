// One stage of a reduction for GPUs: x (outer, reduced, inner) to y (outer, parts, inner). LANES threads share a part, each with
// four sums of its own, so that many loads are under way at once; they join in a fixed order in workgroup memory.
import package::lib::grid::WORKGROUP;
import package::lib::index::{linear_group, group_count};
import package::lib::reduction::{BLOCK, join, neutral, scaled};

struct Params {
  outputs: u32,  // outer * parts * inner
  reduced: u32,
  inner: u32,
  parts: u32,
  most: u32,     // elements of a part; the last may have fewer
  scale: f32,    // multiplies the result: 1/n makes a mean
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;       // (outer, reduced, inner)
@group(0) @binding(2) var<storage, read_write> y: array<u32>; // (outer, parts, inner)
/** Threads that share a part; a power of two that divides WORKGROUP. */
override LANES: u32 = 1;
/** Parts that a workgroup reduces at once. */
override AT_ONCE: u32 = WORKGROUP / LANES;

var<workgroup> joined: array<u32, WORKGROUP>; // (LANES, AT_ONCE)

/** The k-th element of a part that starts at `base`. */
fn element(base: u32, k: u32, count: u32) -> u32 {
  return select(neutral(), x[base + min(k, max(count, 1u) - 1u) * params.inner], k < count);
}

/** The share of part i that one lane reduces. */
fn lane_total(i: u32, lane: u32) -> u32 {
  let line = i / params.inner;
  let row = line / params.parts;
  let start = (line - row * params.parts) * params.most;
  let base = (row * params.reduced + start) * params.inner + (i - line * params.inner);
  let count = min(params.most, params.reduced - min(start, params.reduced));
  var total = neutral();
  for (var at = lane; at < count; at += 4u * LANES * BLOCK) {
    var a = neutral();
    var b = neutral();
    var c = neutral();
    var d = neutral();
    for (var k = at; k < min(at + 4u * LANES * BLOCK, count); k += 4u * LANES) {
      a = join(a, element(base, k, count));
      b = join(b, element(base, k + LANES, count));
      c = join(c, element(base, k + 2u * LANES, count));
      d = join(d, element(base, k + 3u * LANES, count));
    }
    total = join(total, join(join(a, b), join(c, d)));
  }
  return total;
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
) {
  // Neighboring threads read neighboring elements: those of one part, or, along `inner`, those of neighboring parts.
  let alongInner = params.inner > 1u;
  let lane = select(thread % LANES, thread / AT_ONCE, alongInner);
  let own = select(thread / LANES, thread % AT_ONCE, alongInner);
  let slot = lane * AT_ONCE + own;
  for (var first = linear_group(workgroup, workgroups) * AT_ONCE; first < params.outputs; first += group_count(workgroups) * AT_ONCE) {
    let i = first + own;
    joined[slot] = neutral();
    if (i < params.outputs) { joined[slot] = lane_total(i, lane); }
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane < half) { joined[slot] = join(joined[slot], joined[slot + half * AT_ONCE]); }
    }
    if (lane == 0u && i < params.outputs) { y[i] = scaled(joined[slot], params.scale); }
    workgroupBarrier();
  }
}
