// What all optimizer kernels share. Parameters, gradients and moments are flat; a table cuts them into pieces of one parameter
// each, so that one dispatch updates the whole model. A piece's last vector may reach into the padding after its parameter.

struct Params {
  first: u32, pieces: u32,  // the part of the table that this dispatch works on
  rows: array<vec4f, 32>,   // two per row: what a group's options and a parameter's step count come to in this step
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> table: array<vec4u>;       // (all pieces): see Piece
@group(0) @binding(2) var<storage, read> grad: array<vec4f>;        // flat gradients
@group(0) @binding(3) var<storage, read_write> value: array<vec4f>; // flat parameters

/** Where a piece starts, in vectors, in the three kinds of flat storage; how long it is; and its row's two vectors. */
struct Piece { value: u32, grad: u32, moment: u32, vectors: u32, a: vec4f, b: vec4f }

fn piece_of(place: u32) -> Piece {
  let entry = table[params.first + place];
  let row = 2u * (entry.w >> 16u);
  return Piece(entry.x, entry.y, entry.z, entry.w & 0xffffu, params.rows[row], params.rows[row + 1u]);
}
