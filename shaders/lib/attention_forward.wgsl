// Shared by the forward kernels of attention, besides lib/attention.
import package::lib::attention::{params, start_of, Tile};

@if(VEC4) @group(0) @binding(6) var<storage, read_write> y: array<vec4f>; // (batch, L, Ev)
@else @group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<storage, read_write> stats: array<f32>; // (3, batch, L): largest score, 1 / sum, left for backward

/** Stores four neighboring columns of a row, as far as there are any. */
fn store(tile: Tile, row: u32, col: u32, values: vec4f) {
  store_at(start_of(params.leadY, params.placeY, tile) + row * params.placeY.y, col, values);
}
@if(VEC4) fn store_at(at: u32, col: u32, values: vec4f) { if (col < params.Ev) { y[(at + col) / 4u] = values; } }
@else fn store_at(at: u32, col: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, max(col, params.Ev) - col); i++) { y[at + col + i] = values[i]; }
}

fn store_stats(tile: Tile, row: u32, most: f32, scale: f32) {
  let place = tile.batch * params.L + row;
  stats[place] = most;
  stats[params.batches * params.L + place] = scale;
}
