// Shared by the kernels of the gradient of q, besides lib/attention.
import package::lib::attention::{params, start_of, Tile, FOUR};

@if(VEC4) @group(0) @binding(6) var<storage, read> y: array<vec4f>;           // (batch, L, Ev)
@else @group(0) @binding(6) var<storage, read> y: array<f32>;
@group(0) @binding(7) var<storage, read_write> stats: array<f32>;             // (3, batch, L): largest score, 1 / sum, delta
@if(VEC4) @group(0) @binding(8) var<storage, read_write> gradQ: array<vec4f>; // (batch, L, E)
@else @group(0) @binding(8) var<storage, read_write> gradQ: array<f32>;

@if(VEC4) fn load_y(at: u32, i: u32) -> vec4f { return y[(at + i) / 4u]; }
@else fn load_y(at: u32, i: u32) -> vec4f {
  let j = at + i + FOUR;
  return select(vec4f(), vec4f(y[j.x], y[j.y], y[j.z], y[j.w]), i + FOUR < vec4u(params.Ev));
}

/** Stores four neighboring columns of a row, as far as there are any. */
fn store(tile: Tile, row: u32, col: u32, values: vec4f) {
  store_at(start_of(params.leadGradQ, params.placeGradQ, tile) + row * params.placeGradQ.y, col, values);
}
@if(VEC4) fn store_at(at: u32, col: u32, values: vec4f) { if (col < params.E) { gradQ[(at + col) / 4u] = values; } }
@else fn store_at(at: u32, col: u32, values: vec4f) {
  for (var i = 0u; i < min(4u, max(col, params.E) - col); i++) { gradQ[at + col + i] = values[i]; }
}
