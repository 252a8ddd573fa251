// y = (x - mean) * scale + shift per channel. The mean is subtracted first: folded into the shift, a large one would cancel.
import package::lib::channel_stats::{stat, MEAN, SCALE, SHIFT};
import package::lib::channels::{params, channel_of, slice_of, run_of};
import package::lib::element::Element;
import package::lib::grid::WORKGROUP;
import package::lib::row::{ROW_THREADS, first_column};

@group(0) @binding(1) var<storage, read> x: array<Element>;         // (batch, channels, inner)
@group(0) @binding(2) var<storage, read_write> batches: array<i32>; // (1)
@group(0) @binding(4) var<storage, read_write> y: array<Element>;   // like x
// Counted here and not where the running statistics are updated, since there every workgroup reads the counter.
override COUNT: bool = false;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3u) {
  let channel = channel_of(workgroup, thread);
  let slice = slice_of(workgroup, channel);
  let mean = stat(MEAN, channel);
  let scale = stat(SCALE, channel);
  let shift = stat(SHIFT, channel);
  for (var n = slice.x; n < slice.y; n++) {
    let start = run_of(n, channel);
    for (var i = first_column(thread); i < params.inner; i += ROW_THREADS) {
      y[start + i] = (x[start + i] - mean) * scale + shift;
    }
  }
  if (COUNT && thread == 0u && workgroup.x + workgroup.y == 0u) { batches[0] += 1; }
}
