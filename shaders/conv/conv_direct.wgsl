// Convolution 3 x 3 with stride 1 and its data gradient, for software adapters: a lane makes 2 x 4 neighbors of 16 channels of y.
// The nine taps share the 4 x 6 elements of x that it loads for each channel, and every sum is written once per channel. No
// workgroup memory and no barrier.
// @flops 18 * images * groups * rows * reduced * outHeight * outWidth
import package::lib::conv::{params, x, y, tile_of, start_x, start_weight, start_y, bias_of, row_of_lane, own_weight, weight_of};
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
  let across = (params.outWidth + 3u) / 4u;
  let down = (params.outHeight + 1u) / 2u;
  let blocks = params.images * down * across;
  let tile = tile_of(linear_group(wid, nwg), ROWS, blocks, LANES);
  let block = min(tile.site + lane, blocks - 1u);
  let image = block / across / down;
  let top = block / across % down * 2u;
  let left = block % across * 4u;
  // The data gradient meets the taps in falling order: the first that a site meets is the last.
  let falls = params.tapY < 0;
  let tap = select(0u, 8u, falls);
  let step = select(1u, 0xffffffffu, falls);
  // Above and left of the image these wrap to huge numbers, which fail the tests.
  let fromY = top + u32(params.baseY + select(0, -2, falls));
  let fromX = left + u32(params.baseX + select(0, -2, falls));
  var hasRow: array<bool, 4>; // @values
  for (var i = 0u; i < 4u; i++) { // @unroll
    hasRow[i] = fromY + i < params.height;
  }
  var hasColumn: array<bool, 6>; // @values
  for (var j = 0u; j < 6u; j++) { // @unroll
    hasColumn[j] = fromX + j < params.width;
  }
  var at = start_x(tile, image) + fromY * params.width + fromX;
  var own: array<u32, 2>; // @registers
  for (var q = 0u; q < 2u; q++) { // @unroll
    own[q] = start_weight(tile, tile.row + q * LANES + row_of_lane(lane)) + tap;
  }
  var c: array<vec4f, 32>; // @registers
  for (var channel = 0u; channel < params.reduced; channel++) {
    var v: array<f32, 24>; // @values
    for (var i = 0u; i < 4u; i++) { // @unroll
      for (var j = 0u; j < 6u; j++) { // @unroll
        v[6u * i + j] = select(0.0, x[at + i * params.width + j], hasRow[i] && hasColumn[j]);
      }
    }
    at += params.height * params.width;
    var b: array<vec4f, 12>; // @values
    for (var i = 0u; i < 4u; i++) { // @unroll
      for (var j = 0u; j < 3u; j++) { // @unroll
        b[3u * i + j] = vec4f(v[6u * i + j], v[6u * i + j + 1u], v[6u * i + j + 2u], v[6u * i + j + 3u]);
      }
    }
    for (var q = 0u; q < 2u; q++) { // @unroll
      let first = own[q];
      let w0 = own_weight(first);
      let w1 = own_weight(first + step);
      let w2 = own_weight(first + 2u * step);
      let w3 = own_weight(first + 3u * step);
      let w4 = own_weight(first + 4u * step);
      let w5 = own_weight(first + 5u * step);
      let w6 = own_weight(first + 6u * step);
      let w7 = own_weight(first + 7u * step);
      let w8 = own_weight(first + 8u * step);
      for (var r = 0u; r < LANES; r++) { // @unroll
        let a0 = weight_of(w0, first, r);
        let a1 = weight_of(w1, first + step, r);
        let a2 = weight_of(w2, first + 2u * step, r);
        let a3 = weight_of(w3, first + 3u * step, r);
        let a4 = weight_of(w4, first + 4u * step, r);
        let a5 = weight_of(w5, first + 5u * step, r);
        let a6 = weight_of(w6, first + 6u * step, r);
        let a7 = weight_of(w7, first + 7u * step, r);
        let a8 = weight_of(w8, first + 8u * step, r);
        c[16u * q + 2u * r] += b[0] * a0 + b[1] * a1 + b[2] * a2 + b[3] * a3 + b[4] * a4 + b[5] * a5 + b[6] * a6 + b[7] * a7 + b[8] * a8;
        c[16u * q + 2u * r + 1u] += b[3] * a0 + b[4] * a1 + b[5] * a2 + b[6] * a3 + b[7] * a4 + b[8] * a5 + b[9] * a6 + b[10] * a7 + b[11] * a8;
      }
    }
    for (var q = 0u; q < 2u; q++) { // @unroll
      own[q] += params.weightReduced;
    }
  }
  if (tile.site + lane >= blocks) { return; }
  // Through an array, so that the epilogue is in the code once.
  var sums = c;
  let columns = min(params.outWidth - left, 4u);
  for (var r = 0u; r < min(ROWS, params.rows - tile.row); r++) {
    let to = start_y(tile, image, tile.row + r) + top * params.outWidth + left;
    let offset = bias_of(tile, tile.row + r);
    store(to, columns, sums[2u * r] + offset);
    if (top + 1u < params.outHeight) { store(to + params.outWidth, columns, sums[2u * r + 1u] + offset); }
  }
}

fn store(to: u32, columns: u32, values: vec4f) {
  y[to] = values.x;
  if (columns > 1u) { y[to + 1u] = values.y; }
  if (columns > 2u) { y[to + 2u] = values.z; }
  if (columns > 3u) { y[to + 3u] = values.w; }
}
