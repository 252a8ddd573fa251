// Mean and sum of squared differences of each channel over each slice of the batch: differences from the running mean
// (Welford), so that nothing cancels when the mean is large.
import package::lib::channels::{params, CHANNEL_PLANES, channel_of, slice_of, run_of, channel_offset};
import package::lib::element::{Element, WIDTH, total, component};
import package::lib::grid::WORKGROUP;
import package::lib::row::{ROW_THREADS, first_column, row_sum};

@group(0) @binding(1) var<storage, read> x: array<Element>;        // (batch, channels, inner)
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;  // (slices, 2, channels): mean, sum of squares

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3u) {
  let channel = channel_of(workgroup, thread);
  let slice = slice_of(workgroup, channel);
  let first = first_column(thread);
  var mean = Element();
  var squares = Element();
  var count = 0.0;
  for (var n = slice.x; n < slice.y; n++) {
    let start = run_of(n, channel);
    for (var i = first; i < params.inner; i += ROW_THREADS) {
      let value = x[start + i];
      count += 1.0;
      let difference = value - mean;
      mean += difference / count;
      squares += difference * (value - mean);
    }
  }
  let at = channel_offset(2u * workgroup.y, channel);
  let atSquares = channel_offset(2u * workgroup.y + 1u, channel);
  if (CHANNEL_PLANES) {
    let size = f32((slice.y - slice.x) * params.inner * WIDTH);
    let rowMean = row_sum(total(mean) * count, thread) / size;
    let between = mean - rowMean;
    let sum = row_sum(total(squares + between * between * count), thread);
    if (first == 0u && channel < params.channels) {
      parts[at] = rowMean;
      parts[atSquares] = sum;
    }
  } else if (channel < params.channels) {
    for (var k = 0u; k < WIDTH; k++) {
      parts[at + k] = component(mean, k);
      parts[atSquares + k] = component(squares, k);
    }
  }
}
