// Mean and sum of squared differences of each channel over each slice of the batch: differences from the running mean
// (Welford), so that nothing cancels when the mean is large.
import package::lib::channels::{params, CHANNEL_PLANES, channel_of, slice_of, run_of, channel_place};
import package::lib::element::{Element, WIDTH, total, component};
import package::lib::row::{WORKGROUP, ROW_LANES, row_sum};

@group(0) @binding(1) var<storage, read> x: array<Element>;        // (batch, channels, inner)
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;  // (slices, 2, channels): mean, sum of squares

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) wid: vec3u) {
  let channel = channel_of(wid, lane);
  let slice = slice_of(wid, channel);
  let first = lane % ROW_LANES;
  var mean = Element();
  var squares = Element();
  var count = 0.0;
  for (var n = slice.x; n < slice.y; n++) {
    let start = run_of(n, channel);
    for (var i = first; i < params.inner; i += ROW_LANES) {
      let value = x[start + i];
      count += 1.0;
      let off = value - mean;
      mean += off / count;
      squares += off * (value - mean);
    }
  }
  let at = channel_place(2u * wid.y, channel);
  let atSquares = channel_place(2u * wid.y + 1u, channel);
  if (CHANNEL_PLANES) {
    let size = f32((slice.y - slice.x) * params.inner * WIDTH);
    let whole = row_sum(total(mean) * count, lane) / size;
    let between = mean - whole;
    let sum = row_sum(total(squares + between * between * count), lane);
    if (first == 0u && channel < params.channels) {
      parts[at] = whole;
      parts[atSquares] = sum;
    }
  } else if (channel < params.channels) {
    for (var k = 0u; k < WIDTH; k++) {
      parts[at + k] = component(mean, k);
      parts[atSquares + k] = component(squares, k);
    }
  }
}
