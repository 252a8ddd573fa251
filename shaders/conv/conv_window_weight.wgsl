// Weight gradient of a convolution with any windows, for software adapters: a matmul of 16 rows of gradY times 32 columns of x's
// elements at a tap, read in place, four sites at a time. No workgroup memory and no barrier.
// @flops 2 * images * groups * rows * channels * kernelHeight * kernelWidth * outHeight * outWidth
import package::lib::conv_weight::{params, x, gradWeight, tile_of, start_x, start_y, start_weight, store_bias_grad, row_of_lane,
  own_gradients, gradients_of};
import package::lib::index::linear_group;
@if(SUBGROUPS) enable subgroups;

const LANES = 8u;
const ROWS = 16u;
const COLUMNS = 32u;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
  @if(SUBGROUPS) @builtin(subgroup_invocation_id) lane: u32,
  @if(!SUBGROUPS) @builtin(local_invocation_index) lane: u32,
) {
  let taps = params.kernelHeight * params.kernelWidth;
  let columns = params.channels * taps;
  let tile = tile_of(linear_group(wid, nwg), ROWS, columns, COLUMNS);
  // Each lane has four columns, eight apart: a channel and a tap of it each.
  let column = min(tile.column + lane + LANES * vec4u(0u, 1u, 2u, 3u), vec4u(columns - 1u));
  // Above and left of the image these wrap to huge numbers, which fail the tests.
  let tapY = column % taps / params.kernelWidth * params.dilationY - params.paddingY;
  let tapX = column % params.kernelWidth * params.dilationX - params.paddingX;
  let planes = column / taps * params.height * params.width;
  var c: array<vec4f, ROWS>; // @registers
  var sum: array<vec4f, 2>; // @registers
  for (var line = tile.line; line < tile.end; line++) {
    let image = line / params.outHeight;
    let row = line % params.outHeight;
    let elementY = row * params.strideY + tapY;
    let hasRow = elementY < vec4u(params.height);
    var elementX = tapX;
    let at = start_x(tile, image, 0u) + planes + elementY * params.width;
    var own: array<u32, 2>; // @registers
    for (var q = 0u; q < 2u; q++) { // @unroll
      own[q] = start_y(tile, image, tile.row + q * LANES + row_of_lane(lane), row);
    }
    for (var site = 0u; site < params.outWidth; site += 4u) {
      let sites = site + vec4u(0u, 1u, 2u, 3u) < vec4u(params.outWidth);
      let s = params.strideX;
      let b0 = elements(at, elementX, hasRow);
      let b1 = elements(at, elementX + s, hasRow & vec4<bool>(sites.y));
      let b2 = elements(at, elementX + 2u * s, hasRow & vec4<bool>(sites.z));
      let b3 = elements(at, elementX + 3u * s, hasRow & vec4<bool>(sites.w));
      elementX += 4u * s;
      for (var q = 0u; q < 2u; q++) { // @unroll
        let held = own_gradients(own[q], lane, sites);
        sum[q] += held;
        for (var r = 0u; r < LANES; r++) { // @unroll
          let g = gradients_of(held, own[q], sites, r);
          c[LANES * q + r] += b0 * g.x + b1 * g.y + b2 * g.z + b3 * g.w;
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
  // Through an array, so that the stores are in the code once.
  var sums = c;
  for (var r = 0u; r < min(ROWS, params.rows - tile.row); r++) {
    for (var i = 0u; i < 4u; i++) {
      let to = tile.column + lane + LANES * i;
      if (to < columns) { gradWeight[start_weight(tile, tile.row + r, to, columns)] = sums[r][i]; }
    }
  }
}

/** An element of each of four columns, 0 outside of the image. */
fn elements(at: vec4u, elementX: vec4u, wanted: vec4<bool>) -> vec4f {
  let i = at + elementX;
  return select(vec4f(), vec4f(x[i.x], x[i.y], x[i.z], x[i.w]), wanted & (elementX < vec4u(params.width)));
}
