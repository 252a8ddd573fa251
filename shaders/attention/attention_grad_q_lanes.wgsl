// The gradient of q in attention, and for the kernel after it the sums of gradY * y over each row (delta): one subgroup of 8 lanes
// makes 8 rows, 32 keys at a time, as attention_lanes does.
// @flops 2 * L * S * (2 * E + Ev) * batches
import package::lib::attention::{params, tile_of, start_of, rows_from, load_q, load_grad, columns_k, columns_v, rows_k, times, key_end,
  scores_of, weights_of, is_kept, dropped, total4, FOUR, FORBIDDEN, DROPOUT};
import package::lib::attention_grad_q::{stats, load_y, store};
import package::lib::index::linear_group;
enable subgroups;

// Columns 32 to 63 of the tile too.
override WIDE: bool = false;

const LANES = 8u;
const OTHERS = 7u;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = tile_of(linear_group(wid, nwg), params.L, LANES, params.E, select(32u, 64u, WIDE));
  if (tile.batch >= params.batches) { return; }
  let own = min(tile.row + lane, params.L - 1u);
  let atQ = start_of(params.leadQ, params.placeQ, tile) + own * params.placeQ.y;
  let atY = start_of(params.leadY, params.placeY, tile) + own * params.placeY.y;
  let atGrad = start_of(params.leadGradY, params.placeGradY, tile) + own * params.placeGradY.y;
  let startK = start_of(params.leadK, params.placeK, tile);
  let startV = start_of(params.leadV, params.placeV, tile);
  let startMask = start_of(params.leadMask, params.placeMask, tile);
  let colL = tile.col + 4u * lane;
  let colR = colL + 32u;
  var l: array<vec4f, LANES>; // @registers
  var r: array<vec4f, LANES>; // @registers
  // Of the row of this lane.
  let rows = params.batches * params.L;
  let place = tile.batch * params.L + own;
  let most = stats[place];
  let scale = stats[rows + place];
  var products = vec4f();
  for (var i = 0u; i < params.Ev; i += 4u) { products += load_grad(atGrad, i) * load_y(atY, i); }
  let delta = total4(products);
  if (tile.col == 0u && tile.row + lane < params.L) { stats[2u * rows + place] = delta; }
  let end = key_end(tile.row + LANES);
  for (var first = 0u; first < end; first += 32u) {
    let key = first + 4u * lane + FOUR;
    let atK = rows_from(startK, params.placeK, key.x, params.S);
    let atV = rows_from(startV, params.placeV, key.x, params.S);
    var s: array<vec4f, LANES>; // @registers
    var g: array<vec4f, LANES>; // @registers
    for (var i = 0u; i < params.E; i += 4u) {
      let b = columns_k(atK, i);
      let a = load_q(atQ, i);
      for (var n = 0u; n < LANES; n++) { // @unroll
        s[n] += times(b, subgroupShuffle(a, n));
      }
    }
    for (var i = 0u; i < params.Ev; i += 4u) {
      let b = columns_v(atV, i);
      let a = load_grad(atGrad, i);
      for (var n = 0u; n < LANES; n++) { // @unroll
        g[n] += times(b, subgroupShuffle(a, n));
      }
    }
    // Row after row moves up to the first place, so that the code is there once.
    for (var n = 0u; n < LANES; n++) {
      let scores = scores_of(s[0], vec4u(tile.row + n), key, startMask);
      let weights = weights_of(scores, vec4f(subgroupShuffle(most, n))) * subgroupShuffle(scale, n);
      var gradW = g[0];
      if (DROPOUT) { gradW = dropped(gradW, is_kept(tile.batch, tile.row + n, key.x)); }
      let gradS = weights * (gradW - subgroupShuffle(delta, n)) * params.scale;
      for (var next = 0u; next < OTHERS; next++) { // @unroll
        s[next] = s[next + 1u];
        g[next] = g[next + 1u];
      }
      s[OTHERS] = select(gradS, vec4f(), scores == vec4f(FORBIDDEN));
    }
    for (var owner = 0u; owner < LANES; owner++) {
      let atOwn = rows_from(startK, params.placeK, first + 4u * owner, params.S);
      let left = rows_k(atOwn, colL);
      for (var n = 0u; n < LANES; n++) { // @unroll
        l[n] += times(left, subgroupShuffle(s[n], owner));
      }
      if (WIDE) {
        let right = rows_k(atOwn, colR);
        for (var n = 0u; n < LANES; n++) { // @unroll
          r[n] += times(right, subgroupShuffle(s[n], owner));
        }
      }
    }
  }
  for (var n = 0u; n < min(LANES, params.L - tile.row); n++) {
    store(tile, tile.row + n, colL, l[0]);
    if (WIDE) { store(tile, tile.row + n, colR, r[0]); }
    for (var next = 0u; next < OTHERS; next++) { // @unroll
      l[next] = l[next + 1u];
      r[next] = r[next + 1u];
    }
  }
}
