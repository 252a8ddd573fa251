// y = (x - mean) * scale + shift per channel. The mean is subtracted first: folded into the shift, a large one would cancel.
import package::lib::channels::{params, CHANNEL_PLANES, channel_of, slice_of, run_of, channel_place};
import package::lib::element::{Element, WIDTH, element_of};
import package::lib::row::{WORKGROUP, ROW_LANES};

@group(0) @binding(1) var<storage, read> x: array<Element>;           // (batch, channels, inner)
@group(0) @binding(2) var<storage, read> stats: array<f32>;           // (4, channels): mean, 1 / std, scale, shift
@group(0) @binding(3) var<storage, read_write> y: array<Element>;     // like x
@group(0) @binding(4) var<storage, read_write> batches: array<i32>;   // (1)
// Here and not where the running statistics are updated, since there every workgroup reads it.
override COUNT: bool = false;

/** Row `which` of stats for a lane's channels. */
fn stat(which: u32, channel: u32) -> Element {
  let at = channel_place(which, channel);
  if (CHANNEL_PLANES || WIDTH == 1u) { return Element(stats[at]); }
  return element_of(vec4f(stats[at], stats[at + 1u], stats[at + 2u], stats[at + 3u]));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) wid: vec3u) {
  let channel = channel_of(wid, lane);
  let slice = slice_of(wid, channel);
  let mean = stat(0u, channel);
  let scale = stat(2u, channel);
  let shift = stat(3u, channel);
  for (var n = slice.x; n < slice.y; n++) {
    let start = run_of(n, channel);
    for (var i = lane % ROW_LANES; i < params.inner; i += ROW_LANES) {
      y[start + i] = (x[start + i] - mean) * scale + shift;
    }
  }
  if (COUNT && lane == 0u && wid.x + wid.y == 0u) { batches[0] += 1; }
}
