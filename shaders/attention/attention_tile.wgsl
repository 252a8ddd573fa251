// Attention for GPUs: a workgroup makes 32 rows of y, 32 keys at a time.
// @flops 2 * L * S * (E + Ev) * batches
import package::lib::attention::{params, tile_of, start_of, key_end, scores_of, weights_of, exp_difference, is_kept, dropped, total4,
  largest4, FOUR, FORBIDDEN, MASK, DROPOUT};
import package::lib::attention_forward::{store, store_stats};
import package::lib::attention_tile::{Rows, Q, K, V, SIDE, QUADS, THREADS, products, product, stage_tile, rows_max, rows_sum};
import package::lib::exponential::nan_if;
import package::lib::index::linear_group;

// Columns 32 to 63 of the tile too.
override WIDE: bool = false;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(linear_group(wid, nwg), params.L, SIDE, params.Ev, select(SIDE, 2u * SIDE, WIDE));
  if (tile.batch >= params.batches) { return; }
  let ofQ = Rows(Q, start_of(params.leadQ, params.placeQ, tile), params.placeQ.y, tile.row, params.L);
  var ofK = Rows(K, start_of(params.leadK, params.placeK, tile), params.placeK.y, 0u, params.S);
  var ofV = Rows(V, start_of(params.leadV, params.placeV, tile), params.placeV.y, 0u, params.S);
  let startMask = start_of(params.leadMask, params.placeMask, tile);
  let row = tile.row + local / QUADS * 4u;
  var l = mat4x4f();
  var r = mat4x4f();
  // Of this invocation's four rows; the sum and what is seen, of its own keys alone.
  var most = vec4f(FORBIDDEN);
  var sum = vec4f();
  var seen = vec4f();
  let end = key_end(tile.row + SIDE);
  for (var first = 0u; first < end; first += SIDE) {
    let key = first + local % QUADS * 4u + FOUR;
    ofK.first = first;
    ofV.first = first;
    var s = products(ofQ, ofK, params.E, local);
    var top = vec4f();
    for (var n = 0u; n < 4u; n++) {
      s[n] = scores_of(s[n], vec4u(row + n), key, startMask);
      top[n] = largest4(s[n]);
      if (MASK == 1u && any(s[n] != vec4f(FORBIDDEN))) { seen[n] = 1.0; }
    }
    let larger = max(most, rows_max(top, local));
    let fade = exp_difference(most - larger);
    most = larger;
    sum *= fade;
    for (var n = 0u; n < 4u; n++) {
      s[n] = weights_of(s[n], vec4f(most[n]));
      sum[n] += total4(s[n]);
      if (DROPOUT) { s[n] = dropped(s[n], is_kept(tile.batch, row + n, key.x)); }
      l[n] *= fade[n];
      r[n] *= fade[n];
    }
    stage_tile(s, local);
    l += product(ofV, tile.col, local);
    if (WIDE) { r += product(ofV, tile.col + SIDE, local); }
  }
  sum = rows_sum(sum, local);
  if (MASK == 1u) { seen = rows_max(seen, local); }
  let col = tile.col + local % QUADS * 4u;
  for (var n = 0u; n < min(4u, max(row, params.L) - row); n++) {
    // A row whose keys all score -inf gives NaN, one without a key 0.
    let scale = select(1.0 / sum[n] + nan_if(sum[n] == 0.0), 0.0, MASK == 1u && seen[n] == 0.0);
    if (col == 0u) { store_stats(tile, row + n, most[n], scale); }
    store(tile, row + n, col, l[n] * scale);
    if (WIDE) { store(tile, row + n, col + SIDE, r[n] * scale); }
  }
}
