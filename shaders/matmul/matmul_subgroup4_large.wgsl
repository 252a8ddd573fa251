// Matmul for large matrices on software adapters whose subgroups are 4 wide: matmul_subgroup4 with 32 rows, all loads vec4 and no
// tails of K; the twin of matmul_subgroup8_large.
// @flops 2 * M * N * K * batches
import package::lib::matmul::{params, tile_of, vectorsA, start_a4, step_a4, row_sum, start_b, step_b, read_b, store, store_bias_grad,
  A_TURNED, BIAS_GRAD};
enable subgroups;
@if(HALF) enable f16;

const LANES = 4u;
const ROWS = 32u;

/** Four rows of op(A), one per column of the result, from what the four lanes read. */
fn rows_of(a: vec4f) -> mat4x4f {
  if (A_TURNED) { return mat4x4f(across(a.x), across(a.y), across(a.z), across(a.w)); }
  return mat4x4f(quadBroadcast(a, 0u), quadBroadcast(a, 1u), quadBroadcast(a, 2u), quadBroadcast(a, 3u));
}

fn across(x: f32) -> vec4f {
  return vec4f(quadBroadcast(x, 0u), quadBroadcast(x, 1u), quadBroadcast(x, 2u), quadBroadcast(x, 3u));
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, ROWS, 8u * LANES);
  // Columns of the left and of the right half of the tile.
  let colL = tile.col + 4u * lane;
  let colR = colL + 4u * LANES;
  var l: array<vec4f, ROWS>; // @registers
  var r: array<vec4f, ROWS>; // @registers
  var sum: array<vec4f, 8>; // @registers
  var at: array<u32, 8>; // @registers
  for (var q = 0u; q < 8u; q++) { // @unroll
    at[q] = start_a4(tile, tile.row + q * LANES, lane);
  }
  var atL = start_b(tile, colL);
  var atR = start_b(tile, colR);
  for (var k = tile.kBegin; k < tile.kEnd; k += 4u) {
    let left = read_b(atL);
    let right = read_b(atR);
    atL += step_b();
    atR += step_b();
    for (var q = 0u; q < 8u; q++) { // @unroll
      let a = vec4f(vectorsA[at[q]]);
      let rows = rows_of(a);
      at[q] += step_a4();
      if (BIAS_GRAD) { sum[q] += a; }
      for (var i = 0u; i < LANES; i++) { // @unroll
        l[LANES * q + i] += left * rows[i];
        r[LANES * q + i] += right * rows[i];
      }
    }
  }
  // Through arrays, so that the epilogue is in the code twice and not 64 times.
  var sumsL = l;
  var sumsR = r;
  for (var i = 0u; i < min(ROWS, params.M - tile.row); i++) {
    store(tile, tile.row + i, colL, sumsL[i]);
    store(tile, tile.row + i, colR, sumsR[i]);
  }
  for (var q = 0u; q < 8u; q++) { // @unroll
    store_bias_grad(tile, tile.row + lane + q * LANES, row_sum(sum[q], lane));
  }
}
