// Adjoint of average pooling whose windows do not overlap: an invocation reads a window's gradient and writes all elements from
// the window's first to the next window's.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::pool::{params, kernel, strides, run_at, is_inside, HAS_EDGES};

@group(0) @binding(1) var<storage, read> gradY: array<f32>;       // (images * channels, outHeight, outWidth)
@group(0) @binding(2) var<storage, read_write> gradX: array<f32>; // (images * channels, height, width)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let step = item_stride(invocation);
  let size = kernel();
  let stride = strides();
  for (var i = first_item(invocation); i < params.runs; i += step) {
    // Past the last window in a row there may be elements in none.
    let run = run_at(i, params.runsPerRow * params.run);
    let image = run.image * params.height * params.width;
    let top = run.row * stride.x - params.paddingY;
    let windows = (run.image * params.outHeight + run.row) * params.outWidth;
    for (var column = run.first; column < run.end; column++) {
      let left = column * stride.y - params.paddingX;
      var grad = 0.0;
      if (!HAS_EDGES || (run.row < params.outHeight && column < params.outWidth)) {
        grad = gradY[windows + column] / f32(size.x * size.y);
      }
      for (var r = 0u; r < stride.x; r++) {
        for (var c = 0u; c < stride.y; c++) {
          if (is_inside(top + r, left + c)) {
            let at = (top + r) * params.width + left + c;
            gradX[image + at] = select(0.0, grad, r < size.x && c < size.y);
          }
        }
      }
    }
  }
}
