// Weight gradient of a convolution for GPUs: a matmul of 32 rows of gradY times 64 columns of x's elements at a tap, read in place and
// staged in workgroup memory, sixteen sites at a time; 4 x 4 sums per invocation.
// @flops 2 * images * groups * rows * channels * kernelHeight * kernelWidth * outHeight * outWidth
import package::lib::conv_weight::{params, x, gradY, gradWeight, tile_of, start_x, start_y, start_weight, store_bias_grad};
import package::lib::index::linear_group;

const ROWS = 32u;
const COLUMNS = 64u;
const DEPTH = 16u;
const PITCH = 33u; // a row more, so that neighbors write to different banks
const PITCH_X = 65u;

var<workgroup> stagedY: array<f32, 528>;  // (DEPTH, PITCH)
var<workgroup> stagedX: array<f32, 1040>; // (DEPTH, PITCH_X)

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let taps = params.kernelHeight * params.kernelWidth;
  let columns = params.channels * taps;
  let tile = tile_of(linear_group(wid, nwg), ROWS, columns, COLUMNS);
  // An invocation stages every sixteenth site, for every eighth row and column.
  let k = local % DEPTH;
  let own = local / DEPTH;
  let across = local % 16u;
  let down = local / 16u;
  var tapY: array<u32, 8>; // @registers
  var tapX: array<u32, 8>; // @registers
  var channel: array<u32, 8>; // @registers
  for (var i = 0u; i < 8u; i++) { // @unroll
    channel[i] = min(tile.column + own + 8u * i, columns - 1u);
    // Above and left of the image these wrap to huge numbers, which fail the tests.
    tapY[i] = channel[i] % taps / params.kernelWidth * params.dilationY - params.paddingY;
    tapX[i] = channel[i] % params.kernelWidth * params.dilationX - params.paddingX;
    channel[i] = channel[i] / taps;
  }
  // Moved on by additions: a division for each would take longer than the products.
  var image = (tile.line + k / params.outWidth) / params.outHeight;
  var row = (tile.line + k / params.outWidth) % params.outHeight;
  var column = k % params.outWidth;
  let sites = (tile.end - tile.line) * params.outWidth;
  var c: array<vec4f, 4>; // @registers
  var rowSums = vec4f();
  for (var first = 0u; first < sites; first += DEPTH) {
    let valid = first + k < sites;
    let from_y = row * params.strideY;
    let from_x = column * params.strideX;
    for (var i = 0u; i < 4u; i++) { // @unroll
      let at = start_y(tile, image, tile.row + own + 8u * i, row) + column;
      let g = select(0.0, gradY[select(0u, at, valid)], valid);
      stagedY[k * PITCH + own + 8u * i] = g;
      rowSums[i] += g;
    }
    for (var i = 0u; i < 8u; i++) { // @unroll
      let y = from_y + tapY[i];
      let across = from_x + tapX[i];
      let inside = valid && y < params.height && across < params.width;
      let at = start_x(tile, image, channel[i]) + y * params.width + across;
      stagedX[k * PITCH_X + own + 8u * i] = select(0.0, x[select(0u, at, inside)], inside);
    }
    column += DEPTH;
    while (column >= params.outWidth) {
      column -= params.outWidth;
      row++;
    }
    while (row >= params.outHeight) {
      row -= params.outHeight;
      image++;
    }
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let i = k * PITCH_X + across;
      let b = vec4f(stagedX[i], stagedX[i + 16u], stagedX[i + 32u], stagedX[i + 48u]);
      let g = k * PITCH + 4u * down;
      for (var r = 0u; r < 4u; r++) { // @unroll
        c[r] += stagedY[g + r] * b;
      }
    }
    workgroupBarrier();
  }
  var sums = c;
  for (var i = 0u; i < 4u; i++) {
    let to = tile.column + across + 16u * i;
    for (var r = tile.row + 4u * down; r < min(tile.row + 4u * down + 4u, params.rows); r++) {
      if (to < columns) { gradWeight[start_weight(tile, r, to, columns)] = sums[r % 4u][i]; }
    }
  }
  // Each invocation holds four rows' sums over its own sites: added up here in their order.
  for (var i = 0u; i < 4u; i++) { // @unroll
    stagedY[k * PITCH + own + 8u * i] = rowSums[i];
  }
  workgroupBarrier();
  if (local < ROWS) {
    var sum = 0.0;
    for (var k = 0u; k < DEPTH; k++) { sum += stagedY[k * PITCH + local]; }
    store_bias_grad(tile, tile.row + local, sum);
  }
}
