// Mean of each window, with the zeros of the padding. Rows of a window are summed separately, which keeps sums short.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::pool::{params, elements_of};

@group(0) @binding(1) var<storage, read> x: array<f32>;       // (images * channels, height, width)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (images * channels, outHeight, outWidth)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let area = f32(params.kernelHeight * params.kernelWidth);
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let line = i / params.outWidth;
    let image = line / params.outHeight * params.height;
    let rows = elements_of(line % params.outHeight * params.strideY, params.kernelHeight, params.paddingY, params.height);
    let columns = elements_of(i % params.outWidth * params.strideX, params.kernelWidth, params.paddingX, params.width);
    var total = 0.0;
    for (var row = rows.x; row < rows.y; row++) {
      let start = (image + row) * params.width;
      var rowTotal = 0.0;
      for (var column = columns.x; column < columns.y; column++) { rowTotal += x[start + column]; }
      total += rowTotal;
    }
    y[i] = total / area;
  }
}
