// Sums of gradY and of gradY * (x - mean) of each channel over each slice of the batch.
import package::lib::channel_stats::{stat, MEAN};
import package::lib::channels::{params, CHANNEL_PLANES, channel_of, slice_of, run_of, channel_offset};
import package::lib::element::{Element, WIDTH, total, component};
import package::lib::grid::WORKGROUP;
import package::lib::row::{ROW_THREADS, first_column, row_sum};
import package::lib::sum::SUM_BLOCK;

@group(0) @binding(1) var<storage, read> x: array<Element>;       // (batch, channels, inner)
@group(0) @binding(2) var<storage, read> gradY: array<Element>;   // like x
@group(0) @binding(4) var<storage, read_write> parts: array<f32>; // (slices, 2, channels)

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3u) {
  let channel = channel_of(workgroup, thread);
  let slice = slice_of(workgroup, channel);
  let first = first_column(thread);
  let mean = stat(MEAN, channel);
  var sum = Element();
  var sumProduct = Element();
  var block = Element();
  var blockProduct = Element();
  var count = 0u;
  for (var n = slice.x; n < slice.y; n++) {
    let start = run_of(n, channel);
    for (var i = first; i < params.inner; i += ROW_THREADS) {
      let g = gradY[start + i];
      block += g;
      blockProduct += g * (x[start + i] - mean);
      count++;
      // A block may end anywhere: runs may be long and few, or short and many.
      if (count % SUM_BLOCK == 0u) {
        sum += block;
        sumProduct += blockProduct;
        block = Element();
        blockProduct = Element();
      }
    }
  }
  sum += block;
  sumProduct += blockProduct;
  let at = channel_offset(2u * workgroup.y, channel);
  let atProduct = channel_offset(2u * workgroup.y + 1u, channel);
  if (CHANNEL_PLANES) {
    let rowTotal = row_sum(total(sum), thread);
    let rowProduct = row_sum(total(sumProduct), thread);
    if (first == 0u && channel < params.channels) {
      parts[at] = rowTotal;
      parts[atProduct] = rowProduct;
    }
  } else if (channel < params.channels) {
    for (var k = 0u; k < WIDTH; k++) {
      parts[at + k] = component(sum, k);
      parts[atProduct + k] = component(sumProduct, k);
    }
  }
}
