// Maximum of each window and its index in the image. The first of equal values wins, the last NaN over everything, padding never.
import package::lib::elementary::is_nan;
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::pool::{params, kernel, strides, run_at, is_inside, clipped};

@group(0) @binding(1) var<storage, read> x: array<f32>;             // (images * channels, height, width)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;       // (images * channels, outHeight, outWidth)
@group(0) @binding(3) var<storage, read_write> indices: array<u32>; // like y: row * width + column

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
      let first = clipped(top, params.paddingY) * params.width + clipped(left, params.paddingX);
      var best = first;
      var largest = x[image + first];
      for (var r = 0u; r < size.x; r++) {
        for (var c = 0u; c < size.y; c++) {
          let inside = is_inside(top + r, left + c);
          let at = select(first, (top + r) * params.width + left + c, inside);
          let value = x[image + at];
          let better = inside && (value > largest || is_nan(value));
          best = select(best, at, better);
          largest = select(largest, value, better);
        }
      }
      y[to + column] = largest;
      indices[to + column] = best;
    }
  }
}
