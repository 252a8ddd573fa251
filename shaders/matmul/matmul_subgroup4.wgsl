// Matmul for software adapters whose subgroups are 4 wide (SwiftShader): one subgroup makes 16 rows x 32 columns of C. Each lane
// loads every fourth row of A, which the others get by broadcast, and owns eight columns in two groups: no workgroup memory, no
// barrier.
import package::lib::matmul::{params, tile_of, inside, start_a, load_a, start_b, step_b, load_b, store, store_bias_grad};
enable subgroups;

const LANES = 4u;
const ROWS = 16u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = tile_of(wid.x + wid.y * nwg.x, ROWS, 8u * LANES);
  // Columns of the left and of the right half of the tile.
  let colL = tile.col + 4u * lane;
  let colR = colL + 4u * LANES;
  var l0 = vec4f(); var r0 = vec4f(); var l1 = vec4f(); var r1 = vec4f();
  var l2 = vec4f(); var r2 = vec4f(); var l3 = vec4f(); var r3 = vec4f();
  var l4 = vec4f(); var r4 = vec4f(); var l5 = vec4f(); var r5 = vec4f();
  var l6 = vec4f(); var r6 = vec4f(); var l7 = vec4f(); var r7 = vec4f();
  var l8 = vec4f(); var r8 = vec4f(); var l9 = vec4f(); var r9 = vec4f();
  var l10 = vec4f(); var r10 = vec4f(); var l11 = vec4f(); var r11 = vec4f();
  var l12 = vec4f(); var r12 = vec4f(); var l13 = vec4f(); var r13 = vec4f();
  var l14 = vec4f(); var r14 = vec4f(); var l15 = vec4f(); var r15 = vec4f();
  var sum0 = vec4f(); var sum1 = vec4f(); var sum2 = vec4f(); var sum3 = vec4f();
  var at0 = start_a(tile, tile.row + lane);
  var at1 = start_a(tile, tile.row + lane + LANES);
  var at2 = start_a(tile, tile.row + lane + 2u * LANES);
  var at3 = start_a(tile, tile.row + lane + 3u * LANES);
  var atL = start_b(tile, colL);
  var atR = start_b(tile, colR);
  for (var k = tile.kBegin; k < tile.kEnd; k += 4u) {
    let valid = inside(tile, k);
    let left = load_b(atL, valid);
    let right = load_b(atR, valid);
    let a0 = load_a(at0, valid);
    let a1 = load_a(at1, valid);
    let a2 = load_a(at2, valid);
    let a3 = load_a(at3, valid);
    atL += step_b();
    atR += step_b();
    at0 += 4u * params.strideAk;
    at1 += 4u * params.strideAk;
    at2 += 4u * params.strideAk;
    at3 += 4u * params.strideAk;
    sum0 += a0;
    sum1 += a1;
    sum2 += a2;
    sum3 += a3;
    let w0 = quadBroadcast(a0, 0u);
    l0 += left * w0;
    r0 += right * w0;
    let w1 = quadBroadcast(a0, 1u);
    l1 += left * w1;
    r1 += right * w1;
    let w2 = quadBroadcast(a0, 2u);
    l2 += left * w2;
    r2 += right * w2;
    let w3 = quadBroadcast(a0, 3u);
    l3 += left * w3;
    r3 += right * w3;
    let w4 = quadBroadcast(a1, 0u);
    l4 += left * w4;
    r4 += right * w4;
    let w5 = quadBroadcast(a1, 1u);
    l5 += left * w5;
    r5 += right * w5;
    let w6 = quadBroadcast(a1, 2u);
    l6 += left * w6;
    r6 += right * w6;
    let w7 = quadBroadcast(a1, 3u);
    l7 += left * w7;
    r7 += right * w7;
    let w8 = quadBroadcast(a2, 0u);
    l8 += left * w8;
    r8 += right * w8;
    let w9 = quadBroadcast(a2, 1u);
    l9 += left * w9;
    r9 += right * w9;
    let w10 = quadBroadcast(a2, 2u);
    l10 += left * w10;
    r10 += right * w10;
    let w11 = quadBroadcast(a2, 3u);
    l11 += left * w11;
    r11 += right * w11;
    let w12 = quadBroadcast(a3, 0u);
    l12 += left * w12;
    r12 += right * w12;
    let w13 = quadBroadcast(a3, 1u);
    l13 += left * w13;
    r13 += right * w13;
    let w14 = quadBroadcast(a3, 2u);
    l14 += left * w14;
    r14 += right * w14;
    let w15 = quadBroadcast(a3, 3u);
    l15 += left * w15;
    r15 += right * w15;
  }
  // Through arrays, so that the epilogue is in the code twice and not 32 times: it would take longer to compile than the rest.
  var sumsL = array<vec4f, ROWS>(
    l0, l1, l2, l3, l4, l5, l6, l7, l8, l9, l10, l11, l12, l13, l14, l15);
  var sumsR = array<vec4f, ROWS>(
    r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15);
  for (var r = 0u; r < min(ROWS, params.M - tile.row); r++) {
    store(tile, tile.row + r, colL, sumsL[r]);
    store(tile, tile.row + r, colR, sumsR[r]);
  }
  store_bias_grad(tile, tile.row + lane, dot(sum0, vec4f(1.0)));
  store_bias_grad(tile, tile.row + lane + LANES, dot(sum1, vec4f(1.0)));
  store_bias_grad(tile, tile.row + lane + 2u * LANES, dot(sum2, vec4f(1.0)));
  store_bias_grad(tile, tile.row + lane + 3u * LANES, dot(sum3, vec4f(1.0)));
}
