// Maximum of each window and its index in the image. The first of equal values wins, NaN over numbers, padding never.
import package::lib::elementary::is_nan;
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::pool::{params, elements_of};

@group(0) @binding(1) var<storage, read> x: array<f32>;             // (images * channels, height, width)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;       // (images * channels, outHeight, outWidth)
@group(0) @binding(3) var<storage, read_write> indices: array<u32>; // like y: row * width + column

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let line = i / params.outWidth;
    let image = line / params.outHeight * params.height * params.width;
    let rows = elements_of(line % params.outHeight * params.strideY, params.kernelHeight, params.paddingY, params.height);
    let columns = elements_of(i % params.outWidth * params.strideX, params.kernelWidth, params.paddingX, params.width);
    var best = rows.x * params.width + columns.x;
    var largest = x[image + best];
    for (var row = rows.x; row < rows.y; row++) {
      for (var column = columns.x; column < columns.y; column++) {
        let at = row * params.width + column;
        let value = x[image + at];
        let better = !is_nan(largest) && (value > largest || is_nan(value));
        best = select(best, at, better);
        largest = select(largest, value, better);
      }
    }
    y[i] = largest;
    indices[i] = best;
  }
}
