// Matmul for software adapters whose subgroups are 4 wide (SwiftShader): one subgroup makes 16 rows x 32 columns of C. Each lane
// loads every fourth row of A, which the others get by broadcast, and owns eight columns in two groups: no workgroup memory, no
// barrier.
// @flops 2 * M * N * K * batches
import package::lib::matmul::{params, tile_of, inside, start_a, load_a, start_b, step_b, load_b, store, store_bias_grad};
enable subgroups;
@if(HALF) enable f16;

const LANES = 4u;
const ROWS = 16u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, ROWS, 8u * LANES);
  // Columns of the left and of the right half of the tile.
  let colL = tile.col + 4u * lane;
  let colR = colL + 4u * LANES;
  var l: array<vec4f, ROWS>; // @registers
  var r: array<vec4f, ROWS>; // @registers
  var sum: array<vec4f, 4>; // @registers
  var at: array<u32, 4>; // @registers
  for (var q = 0u; q < 4u; q++) { // @unroll
    at[q] = start_a(tile, tile.row + lane + q * LANES);
  }
  var atL = start_b(tile, colL);
  var atR = start_b(tile, colR);
  for (var k = tile.kBegin; k < tile.kEnd; k += 4u) {
    let valid = inside(tile, k);
    let left = load_b(atL, valid);
    let right = load_b(atR, valid);
    var a: array<vec4f, 4>; // @values
    for (var q = 0u; q < 4u; q++) { // @unroll
      a[q] = load_a(at[q], valid);
    }
    atL += step_b();
    atR += step_b();
    for (var q = 0u; q < 4u; q++) { // @unroll
      at[q] += 4u * params.strideAk;
    }
    for (var q = 0u; q < 4u; q++) { // @unroll
      sum[q] += a[q];
    }
    for (var q = 0u; q < 4u; q++) { // @unroll
      for (var i = 0u; i < LANES; i++) { // @unroll
        let w = quadBroadcast(a[q], i);
        l[LANES * q + i] += left * w;
        r[LANES * q + i] += right * w;
      }
    }
  }
  // Through arrays, so that the epilogue is in the code twice and not 32 times: it would take longer to compile than the rest.
  var sumsL = l;
  var sumsR = r;
  for (var i = 0u; i < min(ROWS, params.M - tile.row); i++) {
    store(tile, tile.row + i, colL, sumsL[i]);
    store(tile, tile.row + i, colR, sumsR[i]);
  }
  for (var q = 0u; q < 4u; q++) { // @unroll
    store_bias_grad(tile, tile.row + lane + q * LANES, dot(sum[q], vec4f(1.0)));
  }
}
