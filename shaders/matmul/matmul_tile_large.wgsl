// Matmul for GPUs and large matrices: matmul_tile with 128 x 128 of C per workgroup and 8 x 8 per invocation, as four blocks of
// 4 x 4 that lie 64 apart, so that neighbours read neighbouring vec4 of the staged tiles.
// @flops 2 * M * N * K * batches
import package::lib::matmul::{params, tile_of, load_a_column, load_b_row, store, store_bias_grad};
@if(HALF) enable f16;

const TILE = 128u;
const SIDE = 32u;
const DEPTH = 8u;
const PITCH = 33u;

var<workgroup> stagedA: array<vec4f, DEPTH * PITCH>; // (DEPTH, PITCH)
var<workgroup> stagedB: array<vec4f, DEPTH * PITCH>; // (DEPTH, PITCH)

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, TILE, TILE);
  let across = local % 16u;
  let down = local / 16u;
  // Neighbouring invocations load along the side that is contiguous in memory.
  let placeA = select(vec2u(local / SIDE, local % SIDE), vec2u(local % DEPTH, local / DEPTH), params.strideAk == 1u);
  let placeB = select(vec2u(local / SIDE, local % SIDE), vec2u(local % DEPTH, local / DEPTH), params.strideBk == 1u);
  var c: array<vec4f, 16>; // @registers
  var rowSums = vec4f();
  for (var k0 = tile.kBegin; k0 < tile.kEnd; k0 += DEPTH) {
    let columnA = load_a_column(tile, tile.row + 4u * placeA.y, k0 + placeA.x);
    stagedA[placeA.x * PITCH + placeA.y] = columnA;
    stagedB[placeB.x * PITCH + placeB.y] = load_b_row(tile, k0 + placeB.x, tile.col + 4u * placeB.y);
    rowSums += columnA;
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let a0 = stagedA[k * PITCH + down];
      let a1 = stagedA[k * PITCH + down + 16u];
      let b0 = stagedB[k * PITCH + across];
      let b1 = stagedB[k * PITCH + across + 16u];
      for (var r = 0u; r < 4u; r++) { // @unroll
        c[2u * r] += a0[r] * b0;
        c[2u * r + 1u] += a0[r] * b1;
      }
      for (var r = 0u; r < 4u; r++) { // @unroll
        c[2u * r + 8u] += a1[r] * b0;
        c[2u * r + 9u] += a1[r] * b1;
      }
    }
    workgroupBarrier();
  }
  let row = tile.row + 4u * down;
  let col = tile.col + 4u * across;
  // Through an array and a loop that no compiler can unroll, so that the epilogue is in the code once.
  var sums = c;
  for (var i = 0u; i < select(0u, 16u, row < params.M); i++) {
    store(tile, row + i / 8u * 64u + i / 2u % 4u, col + i % 2u * 64u, sums[i]);
  }
  // Each invocation holds four rows' sums over its own k modulo DEPTH: added up here in the order of k.
  stagedA[placeA.x * PITCH + placeA.y] = rowSums;
  workgroupBarrier();
  if (local < TILE) {
    var sum = 0.0;
    for (var k = 0u; k < DEPTH; k++) { sum += stagedA[k * PITCH + local / 4u][local % 4u]; }
    store_bias_grad(tile, tile.row + local, sum);
  }
}
