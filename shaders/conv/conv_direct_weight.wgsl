// Weight gradient of a convolution 3 x 3 with stride 1, for software adapters: a lane makes the nine taps of one channel of x for 16
// of y. They share the 3 x 6 elements of x that it loads for four sites, and every sum is written once for these. No workgroup
// memory and no barrier.
// @flops 18 * images * groups * rows * channels * outHeight * outWidth
import package::lib::conv_weight::{params, x, gradWeight, tile_of, start_x, start_y, start_weight, store_bias_grad, row_of_lane,
  own_gradients, gradients_of};
import package::lib::index::linear_group;
@if(SUBGROUPS) enable subgroups;

const LANES = 8u;
const ROWS = 16u;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
  @if(SUBGROUPS) @builtin(subgroup_invocation_id) lane: u32,
  @if(!SUBGROUPS) @builtin(local_invocation_index) lane: u32,
) {
  let tile = tile_of(linear_group(wid, nwg), ROWS, params.channels, LANES);
  let channel = min(tile.column + lane, params.channels - 1u);
  var c: array<f32, 144>; // @registers
  var sum: array<vec4f, 2>; // @registers
  for (var line = tile.line; line < tile.end; line++) {
    let image = line / params.outHeight;
    let row = line % params.outHeight;
    // Above and left of the image these wrap to huge numbers, which fail the tests.
    let top = row - params.paddingY;
    var left = 0u - params.paddingX;
    var at = start_x(tile, image, channel) + top * params.width + left;
    var own: array<u32, 2>; // @registers
    for (var q = 0u; q < 2u; q++) { // @unroll
      own[q] = start_y(tile, image, tile.row + q * LANES + row_of_lane(lane), row);
    }
    var hasRow: array<bool, 3>; // @values
    for (var i = 0u; i < 3u; i++) { // @unroll
      hasRow[i] = top + i < params.height;
    }
    for (var column = 0u; column < params.outWidth; column += 4u) {
      let sites = column + vec4u(0u, 1u, 2u, 3u) < vec4u(params.outWidth);
      var v: array<f32, 18>; // @values
      for (var i = 0u; i < 3u; i++) { // @unroll
        for (var j = 0u; j < 6u; j++) { // @unroll
          v[6u * i + j] = select(0.0, x[at + i * params.width + j], hasRow[i] && left + j < params.width);
        }
      }
      at += 4u;
      left += 4u;
      for (var q = 0u; q < 2u; q++) { // @unroll
        let held = own_gradients(own[q], lane, sites);
        sum[q] += held;
        for (var r = 0u; r < LANES; r++) { // @unroll
          let g = gradients_of(held, own[q], sites, r);
          for (var i = 0u; i < 3u; i++) { // @unroll
            for (var j = 0u; j < 3u; j++) { // @unroll
              c[72u * q + 9u * r + 3u * i + j] += v[6u * i + j] * g.x + v[6u * i + j + 1u] * g.y + v[6u * i + j + 2u] * g.z + v[6u * i + j + 3u] * g.w;
            }
          }
        }
      }
      for (var q = 0u; q < 2u; q++) { // @unroll
        own[q] += 4u;
      }
    }
  }
  for (var q = 0u; q < 2u; q++) { // @unroll
    store_bias_grad(tile, tile.row + q * LANES + lane, dot(sum[q], vec4f(1.0)));
  }
  if (tile.column + lane >= params.channels) { return; }
  // Through an array, so that the stores are in the code once.
  var sums = c;
  for (var r = 0u; r < min(ROWS, params.rows - tile.row); r++) {
    let to = start_weight(tile, tile.row + r, 9u * channel, 9u * params.channels);
    for (var tap = 0u; tap < 9u; tap++) { gradWeight[to + tap] = sums[9u * r + tap]; }
  }
}
