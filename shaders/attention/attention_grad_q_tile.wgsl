// The gradient of q in attention, and for the kernel after it the sums of gradY * y over each row (delta), for GPUs: a workgroup
// makes 32 rows, 32 keys at a time, as attention_tile does.
// @flops 2 * L * S * (2 * E + Ev) * batches
import package::lib::attention::{params, tile_of, start_of, key_end, scores_of, weights_of, is_kept, dropped, load_grad, FOUR, FORBIDDEN,
  DROPOUT};
import package::lib::attention_grad_q::{stats, load_y, store};
import package::lib::attention_tile::{Rows, Q, K, V, GRAD, SIDE, QUADS, THREADS, products, product, stage_tile, rows_sum};
import package::lib::index::linear_group;

// Columns 32 to 63 of the tile too.
override WIDE: bool = false;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(local_invocation_index) local: u32) {
  let tile = tile_of(linear_group(wid, nwg), params.L, SIDE, params.E, select(SIDE, 2u * SIDE, WIDE));
  if (tile.batch >= params.batches) { return; }
  let ofQ = Rows(Q, start_of(params.leadQ, params.placeQ, tile), params.placeQ.y, tile.row, params.L);
  let ofGrad = Rows(GRAD, start_of(params.leadGradY, params.placeGradY, tile), params.placeGradY.y, tile.row, params.L);
  var ofK = Rows(K, start_of(params.leadK, params.placeK, tile), params.placeK.y, 0u, params.S);
  var ofV = Rows(V, start_of(params.leadV, params.placeV, tile), params.placeV.y, 0u, params.S);
  let startY = start_of(params.leadY, params.placeY, tile);
  let startMask = start_of(params.leadMask, params.placeMask, tile);
  let row = tile.row + local / QUADS * 4u;
  // Of this invocation's four rows.
  var most = vec4f();
  var scale = vec4f();
  var delta = vec4f();
  let rows = params.batches * params.L;
  for (var n = 0u; n < 4u; n++) {
    let own = min(row + n, params.L - 1u);
    let place = tile.batch * params.L + own;
    most[n] = stats[place];
    scale[n] = stats[rows + place];
    for (var i = local % QUADS * 4u; i < params.Ev; i += SIDE) {
      delta[n] += dot(load_grad(ofGrad.start + own * ofGrad.step, i), load_y(startY + own * params.placeY.y, i));
    }
  }
  delta = rows_sum(delta, local);
  var l = mat4x4f();
  var r = mat4x4f();
  let end = key_end(tile.row + SIDE);
  for (var first = 0u; first < end; first += SIDE) {
    let key = first + local % QUADS * 4u + FOUR;
    ofK.first = first;
    ofV.first = first;
    var s = products(ofQ, ofK, params.E, local);
    let g = products(ofGrad, ofV, params.Ev, local);
    for (var n = 0u; n < 4u; n++) {
      let scores = scores_of(s[n], vec4u(row + n), key, startMask);
      let weights = weights_of(scores, vec4f(most[n])) * scale[n];
      var gradW = g[n];
      if (DROPOUT) { gradW = dropped(gradW, is_kept(tile.batch, row + n, key.x)); }
      s[n] = select(weights * (gradW - delta[n]) * params.scale, vec4f(), scores == vec4f(FORBIDDEN));
    }
    stage_tile(s, local);
    l += product(ofK, tile.col, local);
    if (WIDE) { r += product(ofK, tile.col + SIDE, local); }
  }
  let col = tile.col + local % QUADS * 4u;
  for (var n = 0u; n < min(4u, max(row, params.L) - row); n++) {
    if (col == 0u) { stats[2u * rows + tile.batch * params.L + row + n] = delta[n]; }
    store(tile, row + n, col, l[n]);
    if (WIDE) { store(tile, row + n, col + SIDE, r[n]); }
  }
}
