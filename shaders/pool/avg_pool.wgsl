// The mean of each window, the zeros of the padding included. Rows of a window are summed apart, which keeps sums short.
import package::lib::index::{linear_group, group_count};
import package::lib::pool::{params, elements_of};

@group(0) @binding(1) var<storage, read> x: array<f32>;       // (images * channels, height, width)
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // (images * channels, outHeight, outWidth)
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  let area = f32(params.kernelHeight * params.kernelWidth);
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.size; i += stride) {
    let line = i / params.outWidth;
    let image = line / params.outHeight * params.height;
    let rows = elements_of(line % params.outHeight * params.strideY, params.kernelHeight, params.paddingY, params.height);
    let columns = elements_of(i % params.outWidth * params.strideX, params.kernelWidth, params.paddingX, params.width);
    var total = 0.0;
    for (var row = rows.x; row < rows.y; row++) {
      let start = (image + row) * params.width;
      var ofRow = 0.0;
      for (var column = columns.x; column < columns.y; column++) { ofRow += x[start + column]; }
      total += ofRow;
    }
    y[i] = total / area;
  }
}
