// Matmul for software adapters whose subgroups are 8 wide (lavapipe): one subgroup makes 16 or 32 rows x 32 columns of C. Each
// lane loads every eighth row of A, which the others get by broadcast, and owns four columns: no workgroup memory, no barrier.
import package::lib::matmul::{tile_of, load_a, load_b, store, finish_rows, store_bias_grad};
enable subgroups;

const LANES = 8u;
// 16 or 32: more reuse of B, but twice the time to compile.
override ROWS: u32 = 16;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, ROWS, 4u * LANES);
  let col = tile.col + 4u * lane;
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  var c4 = vec4f(); var c5 = vec4f(); var c6 = vec4f(); var c7 = vec4f();
  var c8 = vec4f(); var c9 = vec4f(); var c10 = vec4f(); var c11 = vec4f();
  var c12 = vec4f(); var c13 = vec4f(); var c14 = vec4f(); var c15 = vec4f();
  var c16 = vec4f(); var c17 = vec4f(); var c18 = vec4f(); var c19 = vec4f();
  var c20 = vec4f(); var c21 = vec4f(); var c22 = vec4f(); var c23 = vec4f();
  var c24 = vec4f(); var c25 = vec4f(); var c26 = vec4f(); var c27 = vec4f();
  var c28 = vec4f(); var c29 = vec4f(); var c30 = vec4f(); var c31 = vec4f();
  var sum0 = vec4f(); var sum1 = vec4f(); var sum2 = vec4f(); var sum3 = vec4f();
  for (var k = tile.kBegin; k < tile.kEnd; k += 4u) {
    let b = load_b(tile, k, col);
    let a0 = load_a(tile, tile.row + lane, k);
    let a1 = load_a(tile, tile.row + lane + 8u, k);
    sum0 += a0;
    sum1 += a1;
    c0 += b * subgroupBroadcast(a0, 0u);
    c1 += b * subgroupBroadcast(a0, 1u);
    c2 += b * subgroupBroadcast(a0, 2u);
    c3 += b * subgroupBroadcast(a0, 3u);
    c4 += b * subgroupBroadcast(a0, 4u);
    c5 += b * subgroupBroadcast(a0, 5u);
    c6 += b * subgroupBroadcast(a0, 6u);
    c7 += b * subgroupBroadcast(a0, 7u);
    c8 += b * subgroupBroadcast(a1, 0u);
    c9 += b * subgroupBroadcast(a1, 1u);
    c10 += b * subgroupBroadcast(a1, 2u);
    c11 += b * subgroupBroadcast(a1, 3u);
    c12 += b * subgroupBroadcast(a1, 4u);
    c13 += b * subgroupBroadcast(a1, 5u);
    c14 += b * subgroupBroadcast(a1, 6u);
    c15 += b * subgroupBroadcast(a1, 7u);
    if (ROWS == 32u) {
      let a2 = load_a(tile, tile.row + lane + 16u, k);
      let a3 = load_a(tile, tile.row + lane + 24u, k);
      sum2 += a2;
      sum3 += a3;
      c16 += b * subgroupBroadcast(a2, 0u);
      c17 += b * subgroupBroadcast(a2, 1u);
      c18 += b * subgroupBroadcast(a2, 2u);
      c19 += b * subgroupBroadcast(a2, 3u);
      c20 += b * subgroupBroadcast(a2, 4u);
      c21 += b * subgroupBroadcast(a2, 5u);
      c22 += b * subgroupBroadcast(a2, 6u);
      c23 += b * subgroupBroadcast(a2, 7u);
      c24 += b * subgroupBroadcast(a3, 0u);
      c25 += b * subgroupBroadcast(a3, 1u);
      c26 += b * subgroupBroadcast(a3, 2u);
      c27 += b * subgroupBroadcast(a3, 3u);
      c28 += b * subgroupBroadcast(a3, 4u);
      c29 += b * subgroupBroadcast(a3, 5u);
      c30 += b * subgroupBroadcast(a3, 6u);
      c31 += b * subgroupBroadcast(a3, 7u);
    }
  }
  store(tile, tile.row, col, c0);
  store(tile, tile.row + 1u, col, c1);
  store(tile, tile.row + 2u, col, c2);
  store(tile, tile.row + 3u, col, c3);
  store(tile, tile.row + 4u, col, c4);
  store(tile, tile.row + 5u, col, c5);
  store(tile, tile.row + 6u, col, c6);
  store(tile, tile.row + 7u, col, c7);
  store(tile, tile.row + 8u, col, c8);
  store(tile, tile.row + 9u, col, c9);
  store(tile, tile.row + 10u, col, c10);
  store(tile, tile.row + 11u, col, c11);
  store(tile, tile.row + 12u, col, c12);
  store(tile, tile.row + 13u, col, c13);
  store(tile, tile.row + 14u, col, c14);
  store(tile, tile.row + 15u, col, c15);
  store_bias_grad(tile, tile.row + lane, sum0);
  store_bias_grad(tile, tile.row + lane + 8u, sum1);
  if (ROWS == 32u) {
    store(tile, tile.row + 16u, col, c16);
    store(tile, tile.row + 17u, col, c17);
    store(tile, tile.row + 18u, col, c18);
    store(tile, tile.row + 19u, col, c19);
    store(tile, tile.row + 20u, col, c20);
    store(tile, tile.row + 21u, col, c21);
    store(tile, tile.row + 22u, col, c22);
    store(tile, tile.row + 23u, col, c23);
    store(tile, tile.row + 24u, col, c24);
    store(tile, tile.row + 25u, col, c25);
    store(tile, tile.row + 26u, col, c26);
    store(tile, tile.row + 27u, col, c27);
    store(tile, tile.row + 28u, col, c28);
    store(tile, tile.row + 29u, col, c29);
    store(tile, tile.row + 30u, col, c30);
    store(tile, tile.row + 31u, col, c31);
    store_bias_grad(tile, tile.row + lane + 16u, sum2);
    store_bias_grad(tile, tile.row + lane + 24u, sum3);
  }
  finish_rows(tile, ROWS, col);
}
