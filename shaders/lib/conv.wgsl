// The part that the kernels of a convolution and of its data gradient share. Both are y[row][site] = sum over channels and taps
// of weight[row][channel][tap] * x[channel][site moved by the tap], with zeros outside an image. A data gradient with a stride
// is one such sum for each phase of sites: those at the same distance from a multiple of the stride meet the same taps.

struct Params {
  images: u32,
  groups: u32,
  reduced: u32,                                   // channels of x in a group
  rows: u32,                                      // channels of y in a group
  height: u32, width: u32,                        // of x
  outHeight: u32, outWidth: u32,                  // of y
  phasesY: u32, phasesX: u32,                   // 1 unless it is a data gradient with a stride
  stepY: u32, stepX: u32,                         // distance in x of neighboring sites of a phase
  baseY: i32, baseX: i32, tapY: i32, tapX: i32,   // a tap moves a site of phase c by (c + base + tap * k) / phases, if that is whole
  kernelHeight: u32, kernelWidth: u32,
  weightGroup: u32, weightRow: u32, weightReduced: u32, // distances in weight, in elements; taps are neighbors
  hasBias: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;       // (images, groups * reduced, height, width)
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;    // (groups * rows)
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // (images, groups * rows, outHeight, outWidth)

/** The place of a workgroup's tile: rows of a group of channels, and sites of a phase. */
struct Tile { site: u32, row: u32, group: u32, phase: vec2u }

/** Tiles run along the sites first, then down the rows, then over groups and phases. `cells` counts the sites of a phase. */
fn tile_of(index: u32, rows: u32, cells: u32, cellsPerTile: u32) -> Tile {
  let across = (cells + cellsPerTile - 1u) / cellsPerTile;
  let down = (params.rows + rows - 1u) / rows;
  let slot = index / (across * down);
  let phase = slot / params.groups;
  return Tile(index % across * cellsPerTile, index / across % down * rows, slot % params.groups,
    vec2u(phase / params.phasesX, phase % params.phasesX));
}

/** Rows and columns of sites in each phase; the last of some phases are none. */
fn phase_size() -> vec2u {
  return (vec2u(params.outHeight, params.outWidth) + vec2u(params.phasesY, params.phasesX) - 1u)
    / vec2u(params.phasesY, params.phasesX);
}

/** The offset by which tap k moves the sites of a phase; `meets` is false if it lies between elements of x. Wraps below 0. */
struct Move { by: u32, meets: bool }
fn move_y(tile: Tile, k: u32) -> Move { return moved(i32(tile.phase.x) + params.baseY + params.tapY * i32(k), params.phasesY); }
fn move_x(tile: Tile, k: u32) -> Move { return moved(i32(tile.phase.y) + params.baseX + params.tapX * i32(k), params.phasesX); }
fn moved(distance: i32, phases: u32) -> Move {
  return Move(u32(distance / i32(phases)), distance % i32(phases) == 0);
}

/** Offset of the first channel of an image's group. */
fn start_x(tile: Tile, image: u32) -> u32 {
  return (image * params.groups + tile.group) * params.reduced * params.height * params.width;
}
/** Offset of weight[row][0][0]. Rows past the end are the last one: they are not stored. */
fn start_weight(tile: Tile, row: u32) -> u32 {
  return tile.group * params.weightGroup + min(row, params.rows - 1u) * params.weightRow;
}
/** Offset of y[image][row][0]. */
fn start_y(tile: Tile, image: u32, row: u32) -> u32 {
  return ((image * params.groups + tile.group) * params.rows + row) * params.outHeight * params.outWidth;
}

fn bias_of(tile: Tile, row: u32) -> f32 {
  if (params.hasBias == 0u) { return 0.0; }
  return bias[tile.group * params.rows + row];
}

// For kernels without workgroup memory. With subgroups each of eight lanes loads the weights of one row, which the others get by
// a shuffle; without, every lane loads those of all rows.

@if(SUBGROUPS) fn row_of_lane(lane: u32) -> u32 { return lane; }
@else fn row_of_lane(lane: u32) -> u32 { return 0u; }

/** Four channels of a weight from offset `at`, 0 past the end. */
fn four_weights(at: u32, channels: vec4<bool>) -> vec4f {
  let s = params.weightReduced;
  return select(vec4f(), vec4f(weight[at], weight[at + s], weight[at + 2u * s], weight[at + 3u * s]), channels);
}

/** The elements that a lane loads for its row, and the same for row r of eight. */
@if(SUBGROUPS) fn own_weight(at: u32) -> f32 { return weight[at]; }
@else fn own_weight(at: u32) -> f32 { return 0.0; }
@if(SUBGROUPS) fn weight_of(own: f32, at: u32, r: u32) -> f32 { return subgroupShuffle(own, r); }
@else fn weight_of(own: f32, at: u32, r: u32) -> f32 { return weight[at + r * params.weightRow]; }
@if(SUBGROUPS) fn own_weights(at: u32, channels: vec4<bool>) -> vec4f { return four_weights(at, channels); }
@else fn own_weights(at: u32, channels: vec4<bool>) -> vec4f { return vec4f(); }
@if(SUBGROUPS) fn weights_of(own: vec4f, at: u32, channels: vec4<bool>, r: u32) -> vec4f { return subgroupShuffle(own, r); }
@else fn weights_of(own: vec4f, at: u32, channels: vec4<bool>, r: u32) -> vec4f {
  return four_weights(at + r * params.weightRow, channels);
}
