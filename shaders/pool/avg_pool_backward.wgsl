// Adjoint of average pooling: every element of an image sums the gradients of the windows that contain it, in order.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::pool::{params, windows_at};

@group(0) @binding(1) var<storage, read> gradY: array<f32>;       // (images * channels, outHeight, outWidth)
@group(0) @binding(2) var<storage, read_write> gradX: array<f32>; // (images * channels, height, width)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let area = f32(params.kernelHeight * params.kernelWidth);
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let line = i / params.width;
    let image = line / params.height * params.outHeight;
    let rows = windows_at(line % params.height + params.paddingY, params.kernelHeight, params.strideY, params.outHeight);
    let columns = windows_at(i % params.width + params.paddingX, params.kernelWidth, params.strideX, params.outWidth);
    var total = 0.0;
    for (var row = rows.x; row < rows.y; row++) {
      let start = (image + row) * params.outWidth;
      var rowTotal = 0.0;
      for (var column = columns.x; column < columns.y; column++) { rowTotal += gradY[start + column]; }
      total += rowTotal;
    }
    gradX[i] = total / area;
  }
}
