// Mean of each window, with the zeros of the padding. Rows of a window are summed separately, which keeps sums short.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::pool::{params, kernel, strides, run_at, is_inside};

@group(0) @binding(1) var<storage, read> x: array<f32>;       // (images * channels, height, width)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (images * channels, outHeight, outWidth)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let step = item_stride(invocation);
  let size = kernel();
  let stride = strides();
  for (var i = first_item(invocation); i < params.runs; i += step) {
    let run = run_at(i, params.outWidth);
    let image = run.image * params.height * params.width;
    let top = run.row * stride.x - params.paddingY;
    let to = (run.image * params.outHeight + run.row) * params.outWidth;
    for (var column = run.first; column < run.end; column++) {
      let left = column * stride.y - params.paddingX;
      var total = 0.0;
      for (var r = 0u; r < size.x; r++) {
        var rowTotal = 0.0;
        for (var c = 0u; c < size.y; c++) {
          let inside = is_inside(top + r, left + c);
          let at = select(0u, (top + r) * params.width + left + c, inside);
          rowTotal += select(0.0, x[image + at], inside);
        }
        total += rowTotal;
      }
      y[to + column] = total / f32(size.x * size.y);
    }
  }
}
