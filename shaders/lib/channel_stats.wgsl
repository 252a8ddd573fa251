// The statistics of batch norm, as the kernels over x (batch, channels, inner) read them.
import package::lib::channels::{CHANNEL_PLANES, channel_offset};
import package::lib::element::{Element, WIDTH, element_of};

@group(0) @binding(3) var<storage, read> stats: array<f32>; // (4, channels): mean, rstd, scale, shift
const MEAN = 0u;
const SCALE = 2u;
const SHIFT = 3u;

/** One of the statistics of a thread's channels. */
fn stat(row: u32, channel: u32) -> Element {
  let at = channel_offset(row, channel);
  if (CHANNEL_PLANES || WIDTH == 1u) { return Element(stats[at]); }
  return element_of(vec4f(stats[at], stats[at + 1u], stats[at + 2u], stats[at + 3u]));
}
