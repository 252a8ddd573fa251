// Attention for software adapters whose subgroups are 8 wide (lavapipe): one subgroup makes 8 rows of y, 32 keys at a time. Each
// lane loads a row of q, which the others get by a shuffle, and owns four keys, then four or eight columns of y: no workgroup
// memory, no barrier.
// @flops 2 * L * S * (E + Ev) * batches
import package::lib::attention::{params, tile_of, start_of, rows_from, load_q, columns_k, rows_v, times, key_end, scores_of,
  weights_of, exp_difference, is_kept, dropped, total4, largest4, FOUR, FORBIDDEN, MASK, DROPOUT};
import package::lib::attention_forward::{store, store_stats};
import package::lib::exponential::nan_if;
import package::lib::index::linear_group;
enable subgroups;

// Columns 32 to 63 of the tile too.
override WIDE: bool = false;

const LANES = 8u;
const OTHERS = 7u;

fn lanes_max(x: f32) -> f32 {
  let pairs = max(x, subgroupShuffleXor(x, 1u));
  let fours = max(pairs, subgroupShuffleXor(pairs, 2u));
  return max(fours, subgroupShuffleXor(fours, 4u));
}

fn lanes_sum(x: f32) -> f32 {
  let pairs = x + subgroupShuffleXor(x, 1u);
  let fours = pairs + subgroupShuffleXor(pairs, 2u);
  return fours + subgroupShuffleXor(fours, 4u);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) nwg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = tile_of(linear_group(wid, nwg), params.L, LANES, params.Ev, select(32u, 64u, WIDE));
  if (tile.batch >= params.batches) { return; }
  let atQ = start_of(params.leadQ, params.placeQ, tile) + min(tile.row + lane, params.L - 1u) * params.placeQ.y;
  let startK = start_of(params.leadK, params.placeK, tile);
  let startV = start_of(params.leadV, params.placeV, tile);
  let startMask = start_of(params.leadMask, params.placeMask, tile);
  let colL = tile.col + 4u * lane;
  let colR = colL + 32u;
  var l: array<vec4f, LANES>; // @registers
  var r: array<vec4f, LANES>; // @registers
  // Of the row of this lane.
  var most = FORBIDDEN;
  var sum = 0.0;
  var isSeen = false;
  let end = key_end(tile.row + LANES);
  for (var first = 0u; first < end; first += 32u) {
    let key = first + 4u * lane + FOUR;
    let atK = rows_from(startK, params.placeK, key.x, params.S);
    var s: array<vec4f, LANES>; // @registers
    for (var i = 0u; i < params.E; i += 4u) {
      let b = columns_k(atK, i);
      let a = load_q(atQ, i);
      for (var n = 0u; n < LANES; n++) { // @unroll
        s[n] += times(b, subgroupShuffle(a, n));
      }
    }
    var larger = most;
    var added = 0.0;
    // Row after row moves up to the first place: code that is there once compiles several times faster.
    for (var n = 0u; n < LANES; n++) {
      let scores = scores_of(s[0], vec4u(tile.row + n), key, startMask);
      let rowMost = max(subgroupShuffle(most, n), lanes_max(largest4(scores)));
      var weights = weights_of(scores, vec4f(rowMost));
      let rowSum = lanes_sum(total4(weights));
      larger = select(larger, rowMost, lane == n);
      added = select(added, rowSum, lane == n);
      if (MASK == 1u) {
        let isRowSeen = lanes_max(select(0.0, 1.0, any(scores != vec4f(FORBIDDEN)))) > 0.0;
        isSeen |= isRowSeen && lane == n;
      }
      if (DROPOUT) { weights = dropped(weights, is_kept(tile.batch, tile.row + n, key.x)); }
      for (var next = 0u; next < OTHERS; next++) { // @unroll
        s[next] = s[next + 1u];
      }
      s[OTHERS] = weights;
    }
    let fade = exp_difference(vec4f(most - larger)).x;
    most = larger;
    sum = sum * fade + added;
    for (var n = 0u; n < LANES; n++) { // @unroll
      l[n] *= subgroupShuffle(fade, n);
      if (WIDE) { r[n] *= subgroupShuffle(fade, n); }
    }
    for (var owner = 0u; owner < LANES; owner++) {
      let atV = rows_from(startV, params.placeV, first + 4u * owner, params.S);
      let left = rows_v(atV, colL);
      for (var n = 0u; n < LANES; n++) { // @unroll
        l[n] += times(left, subgroupShuffle(s[n], owner));
      }
      if (WIDE) {
        let right = rows_v(atV, colR);
        for (var n = 0u; n < LANES; n++) { // @unroll
          r[n] += times(right, subgroupShuffle(s[n], owner));
        }
      }
    }
  }
  // A row whose keys all score -inf gives NaN, one without a key 0.
  let scale = select(1.0 / sum + nan_if(sum == 0.0), 0.0, MASK == 1u && !isSeen);
  if (tile.col == 0u && tile.row + lane < params.L) { store_stats(tile, tile.row + lane, most, scale); }
  for (var n = 0u; n < min(LANES, params.L - tile.row); n++) {
    let rowScale = subgroupShuffle(scale, n);
    store(tile, tile.row + n, colL, l[0] * rowScale);
    if (WIDE) { store(tile, tile.row + n, colR, r[0] * rowScale); }
    for (var next = 0u; next < OTHERS; next++) { // @unroll
      l[next] = l[next + 1u];
      r[next] = r[next + 1u];
    }
  }
}
