// Joins the parts of a norm (lib/gradients.wgsl) within a workgroup, in a fixed order.
import package::lib::gradients::{Part, merge};
import package::lib::grid::WORKGROUP;

/** Up to this many threads, the first joins all parts, which a software adapter does faster than a tree of barriers. */
const MAX_SERIAL_THREADS = 8u;

var<workgroup> largest: array<u32, WORKGROUP>;
var<workgroup> sums: array<f32, WORKGROUP>;

fn part_of(thread: u32) -> Part { return Part(largest[thread], sums[thread]); }

fn put_part(thread: u32, part: Part) {
  largest[thread] = part.largest;
  sums[thread] = part.sum;
}

/** The parts of all threads together, in the first thread. */
fn merge_group(own: Part, thread: u32, power: f32) -> Part {
  put_part(thread, own);
  var part = own;
  if (WORKGROUP <= MAX_SERIAL_THREADS) {
    workgroupBarrier();
    if (thread == 0u) {
      for (var i = 1u; i < WORKGROUP; i++) { part = merge(part, part_of(i), power); }
    }
  } else {
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (thread < half) {
        part = merge(part, part_of(thread + half), power);
        put_part(thread, part);
      }
    }
  }
  return part;
}
