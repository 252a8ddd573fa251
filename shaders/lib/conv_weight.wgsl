// The part that the kernels of a convolution's weight gradient share: gradWeight[row][channel][tap] = sum over images and sites of
// gradY[row][site] * x[channel][site's element at the tap], in one product. The lines of y are cut into parts, each summed by
// workgroups of their own.

struct Params {
  images: u32,
  groups: u32,
  channels: u32,                        // of x in a group
  rows: u32,                            // channels of y in a group
  height: u32, width: u32,              // of x
  outHeight: u32, outWidth: u32,        // of y
  kernelHeight: u32, kernelWidth: u32,
  strideY: u32, strideX: u32,
  paddingY: u32, paddingX: u32,
  dilationY: u32, dilationX: u32,
  partLines: u32,                       // lines of y, counted through all images, in a part
  hasBiasGrad: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;                // (images, groups * channels, height, width)
@group(0) @binding(2) var<storage, read> gradY: array<f32>;            // (images, groups * rows, outHeight, outWidth)
@group(0) @binding(3) var<storage, read_write> gradWeight: array<f32>; // (parts, groups * rows, channels, kernelHeight, kernelWidth)
@group(0) @binding(4) var<storage, read_write> biasGrad: array<f32>;   // (parts, groups * rows): sums of gradY

/** The place of a workgroup's tile: rows and columns of a group's matrix, and the lines [line, end) of y. */
struct Tile { column: u32, row: u32, group: u32, part: u32, line: u32, end: u32 }

/** Tiles run along the columns first, then down the rows, then over groups and parts. */
fn tile_of(index: u32, rows: u32, columns: u32, columnsPerTile: u32) -> Tile {
  let across = (columns + columnsPerTile - 1u) / columnsPerTile;
  let down = (params.rows + rows - 1u) / rows;
  let slot = index / (across * down);
  let part = slot / params.groups;
  return Tile(index % across * columnsPerTile, index / across % down * rows, slot % params.groups, part,
    part * params.partLines, min((part + 1u) * params.partLines, params.images * params.outHeight));
}

/** Offset of an image's channel in x. */
fn start_x(tile: Tile, image: u32, channel: u32) -> u32 {
  return ((image * params.groups + tile.group) * params.channels + channel) * params.height * params.width;
}
/** Offset of gradY[image][row][line]. Rows past the end are the last one: they are not stored. */
fn start_y(tile: Tile, image: u32, row: u32, line: u32) -> u32 {
  let channel = (image * params.groups + tile.group) * params.rows + min(row, params.rows - 1u);
  return (channel * params.outHeight + line) * params.outWidth;
}
/** Offset of gradWeight[part][row][column]. */
fn start_weight(tile: Tile, row: u32, column: u32, columns: u32) -> u32 {
  return ((tile.part * params.groups + tile.group) * params.rows + row) * columns + column;
}

/** Stores the sum of a row of gradY, kept by the first column of tiles. */
fn store_bias_grad(tile: Tile, row: u32, sum: f32) {
  if (params.hasBiasGrad == 0u || tile.column != 0u || row >= params.rows) { return; }
  biasGrad[(tile.part * params.groups + tile.group) * params.rows + row] = sum;
}

// For kernels without workgroup memory. With subgroups each of eight lanes loads the elements of one row of gradY, which the
// others get by a shuffle; without, every lane loads those of all rows.

@if(SUBGROUPS) fn row_of_lane(lane: u32) -> u32 { return lane; }
@else fn row_of_lane(lane: u32) -> u32 { return 0u; }

/** Four neighbors from offset `at`, 0 past the end. */
fn four_gradients(at: u32, columns: vec4<bool>) -> vec4f {
  return select(vec4f(), vec4f(gradY[at], gradY[at + 1u], gradY[at + 2u], gradY[at + 3u]), columns);
}

/** The gradients that a lane loads for its row, and the same for row r of eight. */
@if(SUBGROUPS) fn own_gradients(at: u32, lane: u32, columns: vec4<bool>) -> vec4f { return four_gradients(at, columns); }
@else fn own_gradients(at: u32, lane: u32, columns: vec4<bool>) -> vec4f { return gradients_of(vec4f(), at, columns, lane); }
@if(SUBGROUPS) fn gradients_of(own: vec4f, at: u32, columns: vec4<bool>, r: u32) -> vec4f { return subgroupShuffle(own, r); }
@else fn gradients_of(own: vec4f, at: u32, columns: vec4<bool>, r: u32) -> vec4f {
  return four_gradients(at + r * params.outHeight * params.outWidth, columns);
}
