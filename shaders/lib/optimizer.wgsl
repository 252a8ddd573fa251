// What all optimizer kernels share. Parameters, gradients and moments are flat; a table cuts them into pieces of one parameter
// each, so that one dispatch updates the whole model. A piece's last vector may reach into the padding after its parameter.

struct Params {
  first: u32, pieces: u32,  // the part of the table that this dispatch works on
  skipping: u32,            // 0: `skips` is not read; 1: its counts are; 2: its flag is too
  rows: array<vec4f, 32>,   // two per row: what a group's options and a parameter's step count come to in this step
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> table: array<vec4u>;       // (all pieces): see Piece
@group(0) @binding(2) var<storage, read> grad: array<vec4f>;        // flat gradients
@group(0) @binding(3) var<storage, read_write> value: array<vec4f>; // flat parameters
@group(0) @binding(7) var<storage, read> skips: array<u32>;         // whether this step is skipped; how many were, by parameter

/**
 * Where a piece starts, in vectors, in the three kinds of flat storage; how long it is (0 where the step is skipped); its
 * row's two vectors, of which the last number is the step count by the host; and how many of those steps were skipped.
 */
struct Piece { value: u32, grad: u32, moment: u32, vectors: u32, a: vec4f, b: vec4f, skipped: f32 }

fn piece_of(place: u32) -> Piece {
  // w: vectors in the lowest 11 bits, the row in 4, the parameter's number above.
  let entry = table[params.first + place];
  let row = 2u * ((entry.w >> 11u) & 15u);
  var piece = Piece(entry.x, entry.y, entry.z, entry.w & 0x7ffu, params.rows[row], params.rows[row + 1u], 0.0);
  if (params.skipping > 0u) { piece.skipped = f32(skips[1u + (entry.w >> 15u)]); }
  if (params.skipping == 2u && skips[0] != 0u) { piece.vectors = 0u; }
  return piece;
}

/** 1 - (1 - rate)^steps by repeated squaring: sums of positive numbers, so that nothing cancels. */
fn approached(rate: f32, steps: f32) -> f32 {
  var total = 0.0;
  var power = rate;
  for (var left = u32(steps); left > 0u; left >>= 1u) {
    if ((left & 1u) == 1u) { total += power * (1.0 - total); }
    power *= 2.0 - power;
  }
  return total;
}

/** The bias correction for the steps by the host over the one for those that were taken. */
fn correction(piece: Piece, rate: f32) -> f32 {
  return approached(rate, piece.b.w) / approached(rate, piece.b.w - piece.skipped);
}
