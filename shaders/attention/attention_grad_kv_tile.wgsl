// The gradients of k and v in attention, for GPUs: a workgroup makes 32 rows of both, 32 queries at a time; it is
// attention_grad_q_tile with queries and keys in each other's place, and reads the delta that that one leaves.
// @flops 4 * L * S * (E + Ev) * batches
import package::lib::attention::{params, tile_of, start_of, scores_of, weights_of, is_kept, dropped, CAUSAL, DROPOUT, FOUR, FORBIDDEN};
import package::lib::attention_grad_kv::{stats_of, store_k, store_v};
import package::lib::attention_tile::{Rows, Q, K, V, GRAD, SIDE, QUADS, THREADS, products, product, stage_tile};
import package::lib::index::linear_group;

/** The dropout factors of four queries (components) and four keys from `key` on. */
fn kept_of(batch: u32, row: vec4u, key: u32) -> array<vec4<bool>, 4> {
  let a = is_kept(batch, row.x, key);
  let b = is_kept(batch, row.y, key);
  let c = is_kept(batch, row.z, key);
  let d = is_kept(batch, row.w, key);
  return array<vec4<bool>, 4>(vec4<bool>(a.x, b.x, c.x, d.x), vec4<bool>(a.y, b.y, c.y, d.y), vec4<bool>(a.z, b.z, c.z, d.z),
    vec4<bool>(a.w, b.w, c.w, d.w));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(linear_group(wid, nwg), params.S, SIDE, max(params.E, params.Ev), SIDE);
  if (tile.batch >= params.batches) { return; }
  var ofQ = Rows(Q, start_of(params.leadQ, params.placeQ, tile), params.placeQ.y, 0u, params.L);
  var ofGrad = Rows(GRAD, start_of(params.leadGradY, params.placeGradY, tile), params.placeGradY.y, 0u, params.L);
  let ofK = Rows(K, start_of(params.leadK, params.placeK, tile), params.placeK.y, tile.row, params.S);
  let ofV = Rows(V, start_of(params.leadV, params.placeV, tile), params.placeV.y, tile.row, params.S);
  let startMask = start_of(params.leadMask, params.placeMask, tile);
  let key = tile.row + local / QUADS * 4u;
  var sumK = mat4x4f();
  var sumV = mat4x4f();
  for (var first = select(0u, tile.row, CAUSAL); first < params.L; first += SIDE) {
    let row = first + local % QUADS * 4u + FOUR;
    ofQ.first = first;
    ofGrad.first = first;
    var s = products(ofK, ofQ, params.E, local);
    var g = products(ofV, ofGrad, params.Ev, local);
    let most = stats_of(tile.batch * params.L, row);
    let scale = stats_of((params.batches + tile.batch) * params.L, row);
    let delta = stats_of((2u * params.batches + tile.batch) * params.L, row);
    var kept = array<vec4<bool>, 4>();
    if (DROPOUT) { kept = kept_of(tile.batch, row, key); }
    for (var n = 0u; n < 4u; n++) {
      let scores = scores_of(s[n], row, vec4u(key + n), startMask);
      let isForbidden = scores == vec4f(FORBIDDEN);
      let weights = weights_of(scores, most) * scale;
      var used = weights;
      var gradW = g[n];
      if (DROPOUT) {
        used = dropped(used, kept[n]);
        gradW = dropped(gradW, kept[n]);
      }
      s[n] = select(used, vec4f(), isForbidden);
      g[n] = select(weights * (gradW - delta) * params.scale, vec4f(), isForbidden);
    }
    stage_tile(s, local);
    sumV += product(ofGrad, tile.col, local);
    stage_tile(g, local);
    sumK += product(ofQ, tile.col, local);
  }
  let col = tile.col + local % QUADS * 4u;
  for (var n = 0u; n < min(4u, max(key, params.S) - key); n++) {
    store_k(tile, key + n, col, sumK[n]);
    store_v(tile, key + n, col, sumV[n]);
  }
}
