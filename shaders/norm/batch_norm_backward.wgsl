// gradX of batch norm. Without BATCH the statistics are constants, and it is gradY * scale.
import package::lib::channel_stats::{stat, MEAN, SCALE};
import package::lib::channels::{params, CHANNEL_PLANES, channel_of, slice_of, run_of, channel_offset};
import package::lib::element::{Element, WIDTH, element_of};
import package::lib::grid::WORKGROUP;
import package::lib::row::{ROW_THREADS, first_column};

@group(0) @binding(1) var<storage, read> x: array<Element>;           // (batch, channels, inner)
@group(0) @binding(2) var<storage, read> gradY: array<Element>;       // like x
@group(0) @binding(4) var<storage, read> corrections: array<f32>;     // (2, channels): constant, per difference from the mean
@group(0) @binding(5) var<storage, read_write> gradX: array<Element>; // like x
override BATCH: bool = true;

fn correction(row: u32, channel: u32) -> Element {
  let at = channel_offset(row, channel);
  if (CHANNEL_PLANES || WIDTH == 1u) { return Element(corrections[at]); }
  return element_of(vec4f(corrections[at], corrections[at + 1u], corrections[at + 2u], corrections[at + 3u]));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3u) {
  let channel = channel_of(workgroup, thread);
  let slice = slice_of(workgroup, channel);
  let mean = stat(MEAN, channel);
  let scale = stat(SCALE, channel);
  let constant = correction(0u, channel);
  let perDifference = correction(1u, channel);
  for (var n = slice.x; n < slice.y; n++) {
    let start = run_of(n, channel);
    for (var i = first_column(thread); i < params.inner; i += ROW_THREADS) {
      var grad = gradY[start + i] * scale;
      if (BATCH) { grad -= constant + (x[start + i] - mean) * perDifference; }
      gradX[start + i] = grad;
    }
  }
}
