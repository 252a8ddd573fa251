// Shared by the kernels of the gradients of k and v, besides lib/attention.
import package::lib::attention::{params, start_of, Tile, FOUR};

@group(0) @binding(6) var<storage, read> stats: array<f32>; // (3, batch, L): largest score, 1 / sum, delta
// gradK (batch, S, E) and gradV (batch, S, Ev), which may lie in one another's gaps: one binding, since a buffer that is written
// can be bound but once.
@if(VEC4) @group(0) @binding(7) var<storage, read_write> gradKV: array<vec4f>;
@else @group(0) @binding(7) var<storage, read_write> gradKV: array<f32>;

/** Stores four neighboring columns of a row of gradK, as far as there are any. */
fn store_k(tile: Tile, row: u32, col: u32, values: vec4f) {
  store_at(start_of(params.leadGradK, params.placeGradK, tile) + row * params.placeGradK.y, col, params.E, values);
}

/** The same of gradV. */
fn store_v(tile: Tile, row: u32, col: u32, values: vec4f) {
  store_at(start_of(params.leadGradV, params.placeGradV, tile) + row * params.placeGradV.y, col, params.Ev, values);
}

@if(VEC4) fn store_at(at: u32, col: u32, cols: u32, values: vec4f) { if (col < cols) { gradKV[(at + col) / 4u] = values; } }
@else fn store_at(at: u32, col: u32, cols: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, max(col, cols) - col); i++) { gradKV[at + col + i] = values[i]; }
}

/** One kind of the statistics of four rows, which start at `place`. */
fn stats_of(place: u32, row: vec4u) -> vec4f {
  let i = place + min(row, vec4u(params.L - 1u));
  return vec4f(stats[i.x], stats[i.y], stats[i.z], stats[i.w]);
}
