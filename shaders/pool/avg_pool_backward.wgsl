// The adjoint of average pooling: every element of an image sums the gradients of the windows that reach it, in order.
import package::lib::index::{linear_group, group_count};
import package::lib::pool::{params, windows_at};

@group(0) @binding(1) var<storage, read> gradY: array<f32>;       // (images * channels, outHeight, outWidth)
@group(0) @binding(2) var<storage, read_write> gradX: array<f32>; // (images * channels, height, width)
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
    let line = i / params.width;
    let image = line / params.height * params.outHeight;
    let rows = windows_at(line % params.height + params.paddingY, params.kernelHeight, params.strideY, params.outHeight);
    let columns = windows_at(i % params.width + params.paddingX, params.kernelWidth, params.strideX, params.outWidth);
    var total = 0.0;
    for (var row = rows.x; row < rows.y; row++) {
      let start = (image + row) * params.outWidth;
      var ofRow = 0.0;
      for (var column = columns.x; column < columns.y; column++) { ofRow += gradY[start + column]; }
      total += ofRow;
    }
    gradX[i] = total / area;
  }
}
