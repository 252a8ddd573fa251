// Convolution and its data gradient for GPUs: a matmul of 32 rows of weight times 128 sites, whose columns are read from x in place
// and staged in workgroup memory, 4 x 4 sums per invocation. Tap by tap, so that a site's element and whether it is outside of the
// image are worked out once for all channels; FLAT takes the taps of few channels together.
// @flops 2 * images * groups * rows * reduced * kernelHeight * kernelWidth * outHeight * outWidth / (phasesY * phasesX)
import package::lib::conv::{params, Tile, x, weight, y, tile_of, phase_size, move_y, move_x, start_x, start_weight, start_y, bias_of};
import package::lib::index::linear_group;

const ROWS = 32u;
const SITES = 128u;
const DEPTH = 16u;
const PITCH = 33u; // a row more, so that neighbors write to different banks

// Known when the shader is compiled where an element's channel and tap come from one index, without phases.
override FLAT: bool = false;
override TAPS: u32 = 1;
override KERNEL_WIDTH: u32 = 1;

var<workgroup> stagedWeight: array<f32, 528>; // (DEPTH, PITCH)
var<workgroup> stagedX: array<f32, 2048>;     // (DEPTH, SITES)

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let extent = phase_size();
  let cells = params.images * extent.x * extent.y;
  let tile = tile_of(linear_group(wid, nwg), ROWS, cells, SITES);
  // The site whose elements an invocation stages, for every other channel.
  let cell = min(tile.site + local % SITES, cells - 1u);
  let site = vec2u(cell / extent.y % extent.x * params.stepY, cell % extent.y * params.stepX);
  let start = start_x(tile, cell / extent.y / extent.x);
  // The channel of the weights that it stages, for every sixteenth row.
  let k = local % DEPTH;
  let row = local / DEPTH;
  let across = local % 32u;
  let down = local / 32u;
  let taps = params.kernelHeight * params.kernelWidth;
  let depth = select(params.reduced, params.reduced * TAPS, FLAT);
  var c: array<vec4f, 4>; // @registers
  for (var tap = 0u; tap < select(taps, 1u, FLAT); tap++) {
    let moveY = move_y(tile, tap / params.kernelWidth);
    let moveX = move_x(tile, tap % params.kernelWidth);
    if (!FLAT && !(moveY.meets && moveX.meets)) { continue; }
    let at = site + vec2u(moveY.by, moveX.by);
    for (var k0 = 0u; k0 < depth; k0 += DEPTH) {
      for (var i = 0u; i < 2u; i++) { // @unroll
        stagedWeight[k * PITCH + row + 16u * i] = weight_at(start_weight(tile, tile.row + row + 16u * i), k0 + k, depth, tap);
      }
      for (var i = 0u; i < 8u; i++) { // @unroll
        stagedX[local + 256u * i] = x_at(start, site, at, k0 + local / SITES + 2u * i, depth);
      }
      workgroupBarrier();
      for (var k = 0u; k < DEPTH; k++) {
        let i = k * SITES + across;
        let b = vec4f(stagedX[i], stagedX[i + 32u], stagedX[i + 64u], stagedX[i + 96u]);
        let w = k * PITCH + 4u * down;
        for (var r = 0u; r < 4u; r++) { // @unroll
          c[r] += stagedWeight[w + r] * b;
        }
      }
      workgroupBarrier();
    }
  }
  // Through an array and a loop that no compiler can unroll, so that the epilogue is in the code once.
  var sums = c;
  for (var i = 0u; i < 4u; i++) {
    let place = tile.site + across + 32u * i;
    let outRow = place / extent.y % extent.x * params.phasesY + tile.phase.x;
    let outColumn = place % extent.y * params.phasesX + tile.phase.y;
    if (place >= cells || outRow >= params.outHeight || outColumn >= params.outWidth) { continue; }
    for (var r = tile.row + 4u * down; r < min(tile.row + 4u * down + 4u, params.rows); r++) {
      let to = start_y(tile, place / extent.y / extent.x, r) + outRow * params.outWidth + outColumn;
      y[to] = sums[r % 4u][i] + bias_of(tile, r);
    }
  }
}

fn weight_at(start: u32, k: u32, depth: u32, tap: u32) -> f32 {
  let channel = select(k, k / TAPS, FLAT);
  let i = start + channel * params.weightReduced + select(tap, k % TAPS, FLAT);
  return select(0.0, weight[select(start, i, k < depth)], k < depth);
}

fn x_at(start: u32, site: vec2u, tapped: vec2u, k: u32, depth: u32) -> f32 {
  let channel = select(k, k / TAPS, FLAT);
  var at = tapped;
  if (FLAT) {
    let tap = vec2i(vec2u(k % TAPS / KERNEL_WIDTH, k % KERNEL_WIDTH));
    at = site + vec2u(vec2i(params.baseY, params.baseX) + vec2i(params.tapY, params.tapX) * tap);
  }
  // Above and left of the image these wrapped to huge numbers, which fail the test.
  let inside = k < depth && at.x < params.height && at.y < params.width;
  let i = start + (channel * params.height + at.x) * params.width + at.y;
  return select(0.0, x[select(start, i, inside)], inside);
}
