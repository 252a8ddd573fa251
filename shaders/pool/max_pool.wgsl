// The largest value of each window and where in its image it stands: the first of equals; NaN wins. Padding never does.
import package::lib::index::{linear_group, group_count};

struct Params {
  size: u32, // of y
  height: u32,
  width: u32,
  outHeight: u32,
  outWidth: u32,
  kernelHeight: u32,
  kernelWidth: u32,
  strideY: u32,
  strideX: u32,
  paddingY: u32,
  paddingX: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;            // (images * channels, height, width)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;      // (images * channels, outHeight, outWidth)
@group(0) @binding(3) var<storage, read_write> places: array<u32>; // like y: row * width + column
override WORKGROUP: u32 = 64;

fn is_nan(a: f32) -> bool { return (bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u; }

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.size; i += stride) {
    let line = i / params.outWidth;
    let image = line / params.outHeight * params.height * params.width;
    let left = (i % params.outWidth) * params.strideX;
    let top = (line % params.outHeight) * params.strideY;
    let firstRow = max(top, params.paddingY) - params.paddingY;
    let firstColumn = max(left, params.paddingX) - params.paddingX;
    let endRow = min(top + params.kernelHeight - params.paddingY, params.height);
    let endColumn = min(left + params.kernelWidth - params.paddingX, params.width);
    var best = firstRow * params.width + firstColumn;
    var largest = x[image + best];
    for (var row = firstRow; row < endRow; row++) {
      for (var column = firstColumn; column < endColumn; column++) {
        let at = row * params.width + column;
        let value = x[image + at];
        let better = !is_nan(largest) && (value > largest || is_nan(value));
        best = select(best, at, better);
        largest = select(largest, value, better);
      }
    }
    y[i] = largest;
    places[i] = best;
  }
}
