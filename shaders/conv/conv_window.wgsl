// Convolution with any windows and its data gradient, for software adapters: a matmul of 16 rows of weight times 32 sites, whose
// columns are read from x in place. Tap by tap, four channels at a time: where a site's elements lie, and which are outside of
// the image, is worked out once per tap. No workgroup memory and no barrier.
// @flops 2 * images * groups * rows * reduced * kernelHeight * kernelWidth * outHeight * outWidth / (phasesY * phasesX)
import package::lib::conv::{params, Tile, x, y, tile_of, phase_size, move_y, move_x, start_x, start_weight, start_y, bias_of,
  row_of_lane, own_weights, weights_of};
import package::lib::index::linear_group;
@if(SUBGROUPS) enable subgroups;

const LANES = 8u;
const ROWS = 16u;
const SITES = 32u;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
  @if(SUBGROUPS) @builtin(subgroup_invocation_id) lane: u32,
  @if(!SUBGROUPS) @builtin(local_invocation_index) lane: u32,
) {
  let extent = phase_size();
  let cells = params.images * extent.x * extent.y;
  let tile = tile_of(linear_group(wid, nwg), ROWS, cells, SITES);
  let four = vec4u(0u, 1u, 2u, 3u);
  // Neighboring lanes have neighboring sites; each has four, eight apart.
  let cell = min(tile.site + lane + LANES * four, vec4u(cells - 1u));
  let siteY = cell / extent.y % extent.x * params.stepY;
  let siteX = cell % extent.y * params.stepX;
  let start = start_images(tile, cell / extent.y / extent.x);
  var own: array<u32, 2>; // @registers
  for (var q = 0u; q < 2u; q++) { // @unroll
    own[q] = start_weight(tile, tile.row + q * LANES + row_of_lane(lane));
  }
  let plane = params.height * params.width;
  var c: array<vec4f, ROWS>; // @registers
  for (var tap = 0u; tap < params.kernelHeight * params.kernelWidth; tap++) {
    let down = move_y(tile, tap / params.kernelWidth);
    let right = move_x(tile, tap % params.kernelWidth);
    let channelCount = select(0u, params.reduced, down.meets && right.meets);
    // Above and left of the image these wrap to huge numbers, which fail the tests.
    let inside = (siteY + down.by < vec4u(params.height)) & (siteX + right.by < vec4u(params.width));
    var at = start + (siteY + down.by) * params.width + siteX + right.by;
    var first: array<u32, 2>; // @registers
    for (var q = 0u; q < 2u; q++) { // @unroll
      first[q] = own[q] + tap;
    }
    for (var channel = 0u; channel < channelCount; channel += 4u) {
      let channels = channel + four < vec4u(params.reduced);
      let b0 = select(vec4f(), four_of(at), inside);
      let b1 = select(vec4f(), four_of(at + plane), inside & vec4<bool>(channels.y));
      let b2 = select(vec4f(), four_of(at + 2u * plane), inside & vec4<bool>(channels.z));
      let b3 = select(vec4f(), four_of(at + 3u * plane), inside & vec4<bool>(channels.w));
      at += 4u * plane;
      for (var q = 0u; q < 2u; q++) { // @unroll
        let held = own_weights(first[q], channels);
        for (var r = 0u; r < LANES; r++) { // @unroll
          let a = weights_of(held, first[q], channels, r);
          c[LANES * q + r] += b0 * a.x + b1 * a.y + b2 * a.z + b3 * a.w;
        }
      }
      for (var q = 0u; q < 2u; q++) { // @unroll
        first[q] += 4u * params.weightReduced;
      }
    }
  }
  let row = cell / extent.y % extent.x * params.phasesY + tile.phase.x;
  let column = cell % extent.y * params.phasesX + tile.phase.y;
  let stored = (tile.site + lane + LANES * four < vec4u(cells)) & (row < vec4u(params.outHeight)) & (column < vec4u(params.outWidth));
  let images = cell / extent.y / extent.x;
  var to = row * params.outWidth + column + vec4u(start_y(tile, images.x, tile.row), start_y(tile, images.y, tile.row),
    start_y(tile, images.z, tile.row), start_y(tile, images.w, tile.row));
  // Through an array and a loop that no compiler can unroll: the epilogue would take longer to compile than the rest.
  var sums = c;
  for (var r = 0u; r < min(ROWS, params.rows - tile.row); r++) {
    let values = sums[r] + bias_of(tile, tile.row + r);
    if (stored.x) { y[to.x] = values.x; }
    if (stored.y) { y[to.y] = values.y; }
    if (stored.z) { y[to.z] = values.z; }
    if (stored.w) { y[to.w] = values.w; }
    to += params.outHeight * params.outWidth;
  }
}

fn start_images(tile: Tile, images: vec4u) -> vec4u {
  return vec4u(start_x(tile, images.x), start_x(tile, images.y), start_x(tile, images.z), start_x(tile, images.w));
}

fn four_of(at: vec4u) -> vec4f { return vec4f(x[at.x], x[at.y], x[at.z], x[at.w]); }
