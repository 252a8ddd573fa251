// Adjoint of average pooling: every element of an image sums the gradients of the windows that contain it, in order.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::pool::{params, kernel, strides, run_at};
import package::lib::windows::{most_windows, first_window, has_window};

@group(0) @binding(1) var<storage, read> gradY: array<f32>;       // (images * channels, outHeight, outWidth)
@group(0) @binding(2) var<storage, read_write> gradX: array<f32>; // (images * channels, height, width)

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let step = item_stride(invocation);
  let size = kernel();
  let stride = strides();
  let most = most_windows(size, stride);
  for (var i = first_item(invocation); i < params.runs; i += step) {
    let run = run_at(i, params.width);
    let windows = run.image * params.outHeight * params.outWidth;
    let to = (run.image * params.height + run.row) * params.width;
    let y = run.row + params.paddingY;
    let firstRow = first_window(y, most.x, stride.x);
    for (var column = run.first; column < run.end; column++) {
      let x = column + params.paddingX;
      let firstColumn = first_window(x, most.y, stride.y);
      var total = 0.0;
      for (var r = 0u; r < most.x; r++) {
        let row = firstRow + r;
        let hasRow = has_window(y, row, stride.x, size.x, params.outHeight);
        var rowTotal = 0.0;
        for (var c = 0u; c < most.y; c++) {
          let windowColumn = firstColumn + c;
          if (hasRow && has_window(x, windowColumn, stride.y, size.y, params.outWidth)) {
            rowTotal += gradY[windows + row * params.outWidth + windowColumn];
          }
        }
        total += rowTotal;
      }
      gradX[to + column] = total / f32(size.x * size.y);
    }
  }
}
