// The gradients of k and v in attention: one subgroup of 8 lanes makes 8 rows of both, 32 queries at a time; it is
// attention_grad_q_lanes with queries and keys in each other's place, and reads the delta that that one leaves.
// @flops 4 * L * S * (E + Ev) * batches
import package::lib::attention::{params, tile_of, start_of, rows_from, load_k, load_v, columns_q, columns_grad, rows_q, rows_grad,
  times, scores_of, weights_of, is_kept, dropped, CAUSAL, DROPOUT, FOUR, FORBIDDEN};
import package::lib::attention_grad_kv::{stats_of, store_k, store_v};
import package::lib::index::linear_group;
enable subgroups;

const LANES = 8u;
const OTHERS = 7u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = tile_of(linear_group(wid, nwg), params.S, LANES, max(params.E, params.Ev), 32u);
  if (tile.batch >= params.batches) { return; }
  let startQ = start_of(params.leadQ, params.placeQ, tile);
  let startGradY = start_of(params.leadGradY, params.placeGradY, tile);
  let startMask = start_of(params.leadMask, params.placeMask, tile);
  let col = tile.col + 4u * lane;
  var sumK: array<vec4f, LANES>; // @registers
  var sumV: array<vec4f, LANES>; // @registers
  let own = min(tile.row + lane, params.S - 1u);
  let atK = start_of(params.leadK, params.placeK, tile) + own * params.placeK.y;
  let atV = start_of(params.leadV, params.placeV, tile) + own * params.placeV.y;
  for (var first = select(0u, tile.row, CAUSAL); first < params.L; first += 32u) {
    let row = first + 4u * lane + FOUR;
    let atQ = rows_from(startQ, params.placeQ, row.x, params.L);
    let atGrad = rows_from(startGradY, params.placeGradY, row.x, params.L);
    var s: array<vec4f, LANES>; // @registers
    var g: array<vec4f, LANES>; // @registers
    for (var i = 0u; i < params.E; i += 4u) {
      let b = columns_q(atQ, i);
      let a = load_k(atK, i);
      for (var n = 0u; n < LANES; n++) { // @unroll
        s[n] += times(b, subgroupShuffle(a, n));
      }
    }
    for (var i = 0u; i < params.Ev; i += 4u) {
      let b = columns_grad(atGrad, i);
      let a = load_v(atV, i);
      for (var n = 0u; n < LANES; n++) { // @unroll
        g[n] += times(b, subgroupShuffle(a, n));
      }
    }
    let most = stats_of(tile.batch * params.L, row);
    let scale = stats_of((params.batches + tile.batch) * params.L, row);
    let delta = stats_of((2u * params.batches + tile.batch) * params.L, row);
    // One bit for each of this lane's queries and each key: four keys are drawn at a time.
    var kept = 0u;
    if (DROPOUT) {
      for (var n = 0u; n < LANES; n++) {
        let isKept = is_kept(tile.batch, row.x + n % 4u, tile.row + n / 4u * 4u);
        let bits = select(vec4u(), vec4u(1u, 16u, 256u, 4096u) << vec4u(n % 4u + n / 4u * 16u), isKept);
        kept |= (bits.x | bits.y) | (bits.z | bits.w);
      }
    }
    // Row after row moves up to the first place, so that the code is there once.
    for (var n = 0u; n < LANES; n++) {
      let scores = scores_of(s[0], row, vec4u(tile.row + n), startMask);
      let isForbidden = scores == vec4f(FORBIDDEN);
      let weights = weights_of(scores, most) * scale;
      var used = weights;
      var gradW = g[0];
      if (DROPOUT) {
        let isKept = (vec4u(kept >> (4u * n)) & vec4u(1u, 2u, 4u, 8u)) != vec4u();
        used = dropped(used, isKept);
        gradW = dropped(gradW, isKept);
      }
      let gradS = weights * (gradW - delta) * params.scale;
      for (var next = 0u; next < OTHERS; next++) { // @unroll
        s[next] = s[next + 1u];
        g[next] = g[next + 1u];
      }
      s[OTHERS] = select(used, vec4f(), isForbidden);
      g[OTHERS] = select(gradS, vec4f(), isForbidden);
    }
    for (var owner = 0u; owner < LANES; owner++) {
      let b = rows_q(rows_from(startQ, params.placeQ, first + 4u * owner, params.L), col);
      for (var n = 0u; n < LANES; n++) { // @unroll
        sumK[n] += times(b, subgroupShuffle(g[n], owner));
      }
    }
    for (var owner = 0u; owner < LANES; owner++) {
      let b = rows_grad(rows_from(startGradY, params.placeGradY, first + 4u * owner, params.L), col);
      for (var n = 0u; n < LANES; n++) { // @unroll
        sumV[n] += times(b, subgroupShuffle(s[n], owner));
      }
    }
  }
  for (var n = 0u; n < min(LANES, params.S - tile.row); n++) {
    store_k(tile, tile.row + n, col, sumK[0]);
    store_v(tile, tile.row + n, col, sumV[0]);
    for (var next = 0u; next < OTHERS; next++) { // @unroll
      sumK[next] = sumK[next + 1u];
      sumV[next] = sumV[next + 1u];
    }
  }
}
