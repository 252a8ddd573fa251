// Every element of the image sums the gradients of the windows that chose it, in order.
import package::lib::index::{linear_group, group_count};

struct Params {
  size: u32, // of gradX
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
@group(0) @binding(1) var<storage, read> gradY: array<f32>;       // (images * channels, outHeight, outWidth)
@group(0) @binding(2) var<storage, read> places: array<u32>;      // like gradY
@group(0) @binding(3) var<storage, read_write> gradX: array<f32>; // (images * channels, height, width)
override WORKGROUP: u32 = 64;

/** The first window that reaches `at`, which counts from the padding's edge. */
fn first_window(at: u32, kernel: u32, stride: u32) -> u32 {
  return select((at - kernel) / stride + 1u, 0u, at < kernel);
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.size; i += stride) {
    let line = i / params.width;
    let here = i % (params.height * params.width);
    let left = i % params.width + params.paddingX;
    let top = line % params.height + params.paddingY;
    let windows = line / params.height * params.outHeight;
    let endRow = min(top / params.strideY + 1u, params.outHeight);
    let endColumn = min(left / params.strideX + 1u, params.outWidth);
    var total = 0.0;
    for (var row = first_window(top, params.kernelHeight, params.strideY); row < endRow; row++) {
      for (var column = first_window(left, params.kernelWidth, params.strideX); column < endColumn; column++) {
        let at = (windows + row) * params.outWidth + column;
        if (places[at] == here) { total += gradY[at]; }
      }
    }
    gradX[i] = total;
  }
}
