// Matmul for GPUs: a workgroup makes TILE x TILE of C from tiles of A and B in workgroup memory, each invocation 4 x 4.
// Both are staged k-major as vec4 along their other side, whichever way they are stored: one inner loop serves all four transposes.
import package::lib::matmul::{params, tile_of, load_a_column, load_b_row, store, store_bias_grad};

override TILE: u32 = 64;
// Vec4 per side of a tile, which is also how many k are staged at a time: one vec4 of A and one of B per invocation.
override SIDE: u32 = TILE / 4;
override DEPTH: u32 = SIDE;
// One more than SIDE, so that writes down a column of the staged tile spread over the banks.
override PITCH: u32 = SIDE + 1;
override INVOCATIONS: u32 = SIDE * SIDE;
override STAGED: u32 = DEPTH * PITCH;

var<workgroup> stagedA: array<vec4f, STAGED>; // (DEPTH, PITCH)
var<workgroup> stagedB: array<vec4f, STAGED>; // (DEPTH, PITCH)

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, TILE, TILE);
  let across = local % SIDE;
  let down = local / SIDE;
  // Neighbouring invocations load along the side that is contiguous in memory.
  let placeA = select(vec2u(local / SIDE, local % SIDE), vec2u(local % DEPTH, local / DEPTH), params.strideAk == 1u);
  let placeB = select(vec2u(local / SIDE, local % SIDE), vec2u(local % DEPTH, local / DEPTH), params.strideBk == 1u);
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  var rowSums = vec4f();
  for (var k0 = tile.kBegin; k0 < tile.kEnd; k0 += DEPTH) {
    let columnA = load_a_column(tile, tile.row + 4u * placeA.y, k0 + placeA.x);
    stagedA[placeA.x * PITCH + placeA.y] = columnA;
    stagedB[placeB.x * PITCH + placeB.y] = load_b_row(tile, k0 + placeB.x, tile.col + 4u * placeB.y);
    rowSums += columnA;
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let a = stagedA[k * PITCH + down];
      let b = stagedB[k * PITCH + across];
      c0 += a.x * b;
      c1 += a.y * b;
      c2 += a.z * b;
      c3 += a.w * b;
    }
    workgroupBarrier();
  }
  let row = tile.row + 4u * down;
  let col = tile.col + 4u * across;
  store(tile, row, col, c0);
  store(tile, row + 1u, col, c1);
  store(tile, row + 2u, col, c2);
  store(tile, row + 3u, col, c3);
  // Each invocation holds four rows' sums over its own k modulo DEPTH: added up here in the order of k.
  stagedA[placeA.x * PITCH + placeA.y] = rowSums;
  workgroupBarrier();
  if (local < TILE) {
    var sum = 0.0;
    for (var k = 0u; k < DEPTH; k++) { sum += stagedA[k * PITCH + local / 4u][local % 4u]; }
    store_bias_grad(tile, tile.row + local, sum);
  }
}
