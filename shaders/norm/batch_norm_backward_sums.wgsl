// Sums of gradY and of gradY * (x - mean) of each channel over each slice of the batch.
import package::lib::channels::{params, CHANNEL_PLANES, channel_of, slice_of, run_of, channel_place};
import package::lib::element::{Element, WIDTH, total, component, element_of};
import package::lib::row::{WORKGROUP, ROW_LANES, row_sum};
import package::lib::sum::SUM_BLOCK;

@group(0) @binding(1) var<storage, read> x: array<Element>;       // (batch, channels, inner)
@group(0) @binding(2) var<storage, read> gradY: array<Element>;   // like x
@group(0) @binding(3) var<storage, read> stats: array<f32>;       // (4, channels): mean, ...
@group(0) @binding(4) var<storage, read_write> parts: array<f32>; // (slices, 2, channels)

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
  let first = lane % ROW_LANES;
  let mean = stat(0u, channel);
  var sum = Element();
  var sumOff = Element();
  var block = Element();
  var blockOff = Element();
  var count = 0u;
  for (var n = slice.x; n < slice.y; n++) {
    let start = run_of(n, channel);
    for (var i = first; i < params.inner; i += ROW_LANES) {
      let g = gradY[start + i];
      block += g;
      blockOff += g * (x[start + i] - mean);
      count++;
      // A block ends anywhere: runs may be long and few, or short and many.
      if (count % SUM_BLOCK == 0u) {
        sum += block;
        sumOff += blockOff;
        block = Element();
        blockOff = Element();
      }
    }
  }
  sum += block;
  sumOff += blockOff;
  let at = channel_place(2u * wid.y, channel);
  let atOff = channel_place(2u * wid.y + 1u, channel);
  if (CHANNEL_PLANES) {
    let whole = row_sum(total(sum), lane);
    let wholeOff = row_sum(total(sumOff), lane);
    if (first == 0u && channel < params.channels) {
      parts[at] = whole;
      parts[atOff] = wholeOff;
    }
  } else if (channel < params.channels) {
    for (var k = 0u; k < WIDTH; k++) {
      parts[at + k] = component(sum, k);
      parts[atOff + k] = component(sumOff, k);
    }
  }
}
