// Matmul for GPUs: a workgroup makes TILE x TILE of C from tiles of A and B in workgroup memory, each invocation 4 x 4.
// Both are staged k-major as vec4 along their other side, however they are stored: one inner loop serves all four transposes.
// @flops 2 * M * N * K * batches
import package::lib::matmul::{params, tile_of, load_a_column, load_b_row, store, store_bias_grad};

override TILE: u32 = 64;

// (side, pitch), where side is the vec4 along a tile and also how many k are staged at a time: one vec4 of A and one of B per
// invocation. pitch = side + 1, so that writes down a column of the staged tile spread over the banks. An override by a name of
// its own: naga (Firefox, Deno) panics at an array whose length is an expression of overrides.
override STAGED: u32 = TILE / 4u * (TILE / 4u + 1u);
var<workgroup> stagedA: array<vec4f, STAGED>;
var<workgroup> stagedB: array<vec4f, STAGED>;

@compute @workgroup_size(TILE * TILE / 16)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, TILE, TILE);
  let side = TILE / 4u;
  let pitch = side + 1u;
  let across = local % side;
  let down = local / side;
  // Neighbouring invocations load along the side that is contiguous in memory.
  let placeA = select(vec2u(down, across), vec2u(across, down), params.strideAk == 1u);
  let placeB = select(vec2u(down, across), vec2u(across, down), params.strideBk == 1u);
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  var rowSums = vec4f();
  for (var k0 = tile.kBegin; k0 < tile.kEnd; k0 += side) {
    let columnA = load_a_column(tile, tile.row + 4u * placeA.y, k0 + placeA.x);
    stagedA[placeA.x * pitch + placeA.y] = columnA;
    stagedB[placeB.x * pitch + placeB.y] = load_b_row(tile, k0 + placeB.x, tile.col + 4u * placeB.y);
    rowSums += columnA;
    workgroupBarrier();
    for (var k = 0u; k < TILE / 4u; k++) {
      let a = stagedA[k * pitch + down];
      let b = stagedB[k * pitch + across];
      c0 += a.x * b;
      c1 += a.y * b;
      c2 += a.z * b;
      c3 += a.w * b;
    }
    workgroupBarrier();
  }
  let row = tile.row + 4u * down;
  let col = tile.col + 4u * across;
  // Through an array and a loop that no compiler can unroll, so that the epilogue is in the code once.
  var sums = array<vec4f, 4>(c0, c1, c2, c3);
  for (var r = row; r < min(row + 4u, params.M); r++) { store(tile, r, col, sums[r - row]); }
  // Each invocation holds four rows' sums over its own k modulo side: added up here in the order of k.
  stagedA[placeA.x * pitch + placeA.y] = rowSums;
  workgroupBarrier();
  if (local < TILE) {
    var sum = 0.0;
    for (var k = 0u; k < TILE / 4u; k++) { sum += stagedA[k * pitch + local / 4u][local % 4u]; }
    store_bias_grad(tile, tile.row + local, sum);
  }
}
