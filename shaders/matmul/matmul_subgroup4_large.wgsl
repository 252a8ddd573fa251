// Matmul for large matrices on software adapters whose subgroups are 4 wide: matmul_subgroup4 with 32 rows, all loads vec4 and no
// tails of K; the twin of matmul_subgroup8_large.
import package::lib::matmul::{params, tile_of, vectorsA, start_a4, step_a4, row_sum, start_b, step_b, read_b, store, store_bias_grad,
  A_TURNED, BIAS_GRAD};
enable subgroups;

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
  var l0 = vec4f(); var r0 = vec4f(); var l1 = vec4f(); var r1 = vec4f();
  var l2 = vec4f(); var r2 = vec4f(); var l3 = vec4f(); var r3 = vec4f();
  var l4 = vec4f(); var r4 = vec4f(); var l5 = vec4f(); var r5 = vec4f();
  var l6 = vec4f(); var r6 = vec4f(); var l7 = vec4f(); var r7 = vec4f();
  var l8 = vec4f(); var r8 = vec4f(); var l9 = vec4f(); var r9 = vec4f();
  var l10 = vec4f(); var r10 = vec4f(); var l11 = vec4f(); var r11 = vec4f();
  var l12 = vec4f(); var r12 = vec4f(); var l13 = vec4f(); var r13 = vec4f();
  var l14 = vec4f(); var r14 = vec4f(); var l15 = vec4f(); var r15 = vec4f();
  var l16 = vec4f(); var r16 = vec4f(); var l17 = vec4f(); var r17 = vec4f();
  var l18 = vec4f(); var r18 = vec4f(); var l19 = vec4f(); var r19 = vec4f();
  var l20 = vec4f(); var r20 = vec4f(); var l21 = vec4f(); var r21 = vec4f();
  var l22 = vec4f(); var r22 = vec4f(); var l23 = vec4f(); var r23 = vec4f();
  var l24 = vec4f(); var r24 = vec4f(); var l25 = vec4f(); var r25 = vec4f();
  var l26 = vec4f(); var r26 = vec4f(); var l27 = vec4f(); var r27 = vec4f();
  var l28 = vec4f(); var r28 = vec4f(); var l29 = vec4f(); var r29 = vec4f();
  var l30 = vec4f(); var r30 = vec4f(); var l31 = vec4f(); var r31 = vec4f();
  var sum0 = vec4f(); var sum1 = vec4f(); var sum2 = vec4f(); var sum3 = vec4f();
  var sum4 = vec4f(); var sum5 = vec4f(); var sum6 = vec4f(); var sum7 = vec4f();
  var at0 = start_a4(tile, tile.row, lane);
  var at1 = start_a4(tile, tile.row + LANES, lane);
  var at2 = start_a4(tile, tile.row + 2u * LANES, lane);
  var at3 = start_a4(tile, tile.row + 3u * LANES, lane);
  var at4 = start_a4(tile, tile.row + 4u * LANES, lane);
  var at5 = start_a4(tile, tile.row + 5u * LANES, lane);
  var at6 = start_a4(tile, tile.row + 6u * LANES, lane);
  var at7 = start_a4(tile, tile.row + 7u * LANES, lane);
  var atL = start_b(tile, colL);
  var atR = start_b(tile, colR);
  for (var k = tile.kBegin; k < tile.kEnd; k += 4u) {
    let left = read_b(atL);
    let right = read_b(atR);
    atL += step_b();
    atR += step_b();
    let a0 = vectorsA[at0];
    let rows0 = rows_of(a0);
    at0 += step_a4();
    if (BIAS_GRAD) { sum0 += a0; }
    l0 += left * rows0[0];
    r0 += right * rows0[0];
    l1 += left * rows0[1];
    r1 += right * rows0[1];
    l2 += left * rows0[2];
    r2 += right * rows0[2];
    l3 += left * rows0[3];
    r3 += right * rows0[3];
    let a1 = vectorsA[at1];
    let rows1 = rows_of(a1);
    at1 += step_a4();
    if (BIAS_GRAD) { sum1 += a1; }
    l4 += left * rows1[0];
    r4 += right * rows1[0];
    l5 += left * rows1[1];
    r5 += right * rows1[1];
    l6 += left * rows1[2];
    r6 += right * rows1[2];
    l7 += left * rows1[3];
    r7 += right * rows1[3];
    let a2 = vectorsA[at2];
    let rows2 = rows_of(a2);
    at2 += step_a4();
    if (BIAS_GRAD) { sum2 += a2; }
    l8 += left * rows2[0];
    r8 += right * rows2[0];
    l9 += left * rows2[1];
    r9 += right * rows2[1];
    l10 += left * rows2[2];
    r10 += right * rows2[2];
    l11 += left * rows2[3];
    r11 += right * rows2[3];
    let a3 = vectorsA[at3];
    let rows3 = rows_of(a3);
    at3 += step_a4();
    if (BIAS_GRAD) { sum3 += a3; }
    l12 += left * rows3[0];
    r12 += right * rows3[0];
    l13 += left * rows3[1];
    r13 += right * rows3[1];
    l14 += left * rows3[2];
    r14 += right * rows3[2];
    l15 += left * rows3[3];
    r15 += right * rows3[3];
    let a4 = vectorsA[at4];
    let rows4 = rows_of(a4);
    at4 += step_a4();
    if (BIAS_GRAD) { sum4 += a4; }
    l16 += left * rows4[0];
    r16 += right * rows4[0];
    l17 += left * rows4[1];
    r17 += right * rows4[1];
    l18 += left * rows4[2];
    r18 += right * rows4[2];
    l19 += left * rows4[3];
    r19 += right * rows4[3];
    let a5 = vectorsA[at5];
    let rows5 = rows_of(a5);
    at5 += step_a4();
    if (BIAS_GRAD) { sum5 += a5; }
    l20 += left * rows5[0];
    r20 += right * rows5[0];
    l21 += left * rows5[1];
    r21 += right * rows5[1];
    l22 += left * rows5[2];
    r22 += right * rows5[2];
    l23 += left * rows5[3];
    r23 += right * rows5[3];
    let a6 = vectorsA[at6];
    let rows6 = rows_of(a6);
    at6 += step_a4();
    if (BIAS_GRAD) { sum6 += a6; }
    l24 += left * rows6[0];
    r24 += right * rows6[0];
    l25 += left * rows6[1];
    r25 += right * rows6[1];
    l26 += left * rows6[2];
    r26 += right * rows6[2];
    l27 += left * rows6[3];
    r27 += right * rows6[3];
    let a7 = vectorsA[at7];
    let rows7 = rows_of(a7);
    at7 += step_a4();
    if (BIAS_GRAD) { sum7 += a7; }
    l28 += left * rows7[0];
    r28 += right * rows7[0];
    l29 += left * rows7[1];
    r29 += right * rows7[1];
    l30 += left * rows7[2];
    r30 += right * rows7[2];
    l31 += left * rows7[3];
    r31 += right * rows7[3];
  }
  // Through arrays, so that the epilogue is in the code twice and not 64 times.
  var sumsL = array<vec4f, ROWS>(
    l0, l1, l2, l3, l4, l5, l6, l7, l8, l9, l10, l11, l12, l13, l14, l15,
    l16, l17, l18, l19, l20, l21, l22, l23, l24, l25, l26, l27, l28, l29, l30, l31);
  var sumsR = array<vec4f, ROWS>(
    r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15,
    r16, r17, r18, r19, r20, r21, r22, r23, r24, r25, r26, r27, r28, r29, r30, r31);
  for (var r = 0u; r < min(ROWS, params.M - tile.row); r++) {
    store(tile, tile.row + r, colL, sumsL[r]);
    store(tile, tile.row + r, colR, sumsR[r]);
  }
  store_bias_grad(tile, tile.row + lane, row_sum(sum0, lane));
  store_bias_grad(tile, tile.row + lane + LANES, row_sum(sum1, lane));
  store_bias_grad(tile, tile.row + lane + 2u * LANES, row_sum(sum2, lane));
  store_bias_grad(tile, tile.row + lane + 3u * LANES, row_sum(sum3, lane));
  store_bias_grad(tile, tile.row + lane + 4u * LANES, row_sum(sum4, lane));
  store_bias_grad(tile, tile.row + lane + 5u * LANES, row_sum(sum5, lane));
  store_bias_grad(tile, tile.row + lane + 6u * LANES, row_sum(sum6, lane));
  store_bias_grad(tile, tile.row + lane + 7u * LANES, row_sum(sum7, lane));
}
