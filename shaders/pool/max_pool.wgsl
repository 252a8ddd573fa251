// The largest value of each window and where in its image it stands: the first of equals; NaN wins. Padding never does.
import package::lib::index::{linear_group, group_count};
import package::lib::pool::{params, elements_of};

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
    let rows = elements_of(line % params.outHeight * params.strideY, params.kernelHeight, params.paddingY, params.height);
    let columns = elements_of(i % params.outWidth * params.strideX, params.kernelWidth, params.paddingX, params.width);
    var best = rows.x * params.width + columns.x;
    var largest = x[image + best];
    for (var row = rows.x; row < rows.y; row++) {
      for (var column = columns.x; column < columns.y; column++) {
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
