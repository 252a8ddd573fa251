// Shared by the clipping and unscaling kernels: a table that cuts the gradients of one buffer, wherever they lie, into chunks.
// src/optim/chunk-table.ts packs the table; test/optim/chunk-table.test.ts compares the two.

struct Params {
  first: u32, chunks: u32, // the part of the table that this dispatch works on
  partials: u32,           // where its partial results start
  power: f32,              // p of the norm
  limit: f32,              // of every element
}
@group(0) @binding(0) var<uniform> params: Params;
/** The first vector, vectors, and elements in the last vector. */
struct Chunk { start: u32, vectors: u32, inLast: u32, unused: u32 }

@group(0) @binding(1) var<storage, read> table: array<Chunk>; // (all chunks)

fn chunk_of(index: u32) -> Chunk { return table[params.first + index]; }

/** The elements of vector i of a chunk that lie behind the gradient's last. */
fn is_padding(i: u32, chunk: Chunk) -> vec4<bool> {
  return vec4u(0u, 1u, 2u, 3u) >= vec4u(select(4u, chunk.inLast, i + 1u == chunk.vectors));
}

// The norm of n numbers as a pair: the largest magnitude's bits, and the sum of (|x| / scale)^p with a scale that
// follows from the largest, so that neither tiny nor huge gradients leave the range of f32.
struct Part { largest: u32, sum: f32 }

const INFINITE = 0x7f800000u;

/** Exponent of the power of two by which numbers up to `largest` are divided; both it and its inverse are normal numbers. */
fn exponent_of(largest: u32) -> i32 { return clamp(i32(largest >> 23u) - 127, -120, 120); }

fn power_of_two(exponent: i32) -> f32 { return bitcast<f32>(u32(clamp(exponent, -126, 127) + 127) << 23u); }

fn to_power(x: vec4f, power: f32) -> vec4f {
  if (power == 2.0) { return x * x; }
  if (power == 1.0) { return x; }
  return select(pow(x, vec4f(power)), vec4f(), x <= vec4f());
}

/** Both parts' numbers together. */
fn merge(a: Part, b: Part, power: f32) -> Part {
  let largest = max(a.largest, b.largest);
  let exponent = exponent_of(largest);
  let shrink = to_power(vec4f(power_of_two(exponent_of(a.largest) - exponent), power_of_two(exponent_of(b.largest) - exponent), 0.0, 0.0), power);
  return Part(largest, a.sum * shrink.x + b.sum * shrink.y);
}
