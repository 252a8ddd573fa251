// Shared by all optimizer kernels. Parameters, gradients and optimizer state are flat; a table cuts them into chunks of one
// parameter each, so that one dispatch updates the whole model. A chunk's last vector may reach into the padding after its
// parameter. src/optim/chunk-table.ts packs what is unpacked here; test/optim/chunk-table.test.ts compares the two.

const LENGTH_BITS = 11u;          // of a chunk's `packed` word, the lowest: vectors
const CONSTANTS_INDEX_BITS = 4u;  // the next: index of its kernel constants; the rest: index of its parameter
const CONSTANTS_VECTORS = 2u;     // vectors of kernel constants per index

struct StepParams {
  first: u32, chunks: u32,     // the part of the table that this dispatch works on
  skipping: u32,               // 0: `skips` is not read; 1: its counts are; 2: its flag is too
  constants: array<vec4f, 32>, // (16, CONSTANTS_VECTORS): what a group's options and a parameter's step count come to in this step
}
/** Offsets of a chunk, in vectors, in the three kinds of flat storage, and three bit fields. */
struct ChunkEntry { value: u32, grad: u32, state: u32, packed: u32 }

@group(0) @binding(0) var<uniform> params: StepParams;
@group(0) @binding(1) var<storage, read> table: array<ChunkEntry>;  // (all chunks)
@group(0) @binding(2) var<storage, read> grad: array<vec4f>;        // flat gradients
@group(0) @binding(3) var<storage, read_write> value: array<vec4f>; // flat parameters
@group(0) @binding(7) var<storage, read> skips: array<u32>;         // (1 + parameters): whether this step is skipped; how many were

/**
 * A chunk unpacked: its starts, its length in vectors (0 where the step is skipped), its kernel constants, of which the last
 * is the host's step count, and how many of those steps were skipped.
 */
struct Chunk { value: u32, grad: u32, state: u32, vectors: u32, a: vec4f, b: vec4f, skipped: f32 }

fn parameter_index(packed: u32) -> u32 { return packed >> (LENGTH_BITS + CONSTANTS_INDEX_BITS); }

fn chunk_of(index: u32) -> Chunk {
  let entry = table[params.first + index];
  let constants = CONSTANTS_VECTORS * ((entry.packed >> LENGTH_BITS) & ((1u << CONSTANTS_INDEX_BITS) - 1u));
  let vectors = entry.packed & ((1u << LENGTH_BITS) - 1u);
  var chunk = Chunk(entry.value, entry.grad, entry.state, vectors, params.constants[constants], params.constants[constants + 1u], 0.0);
  if (params.skipping > 0u) { chunk.skipped = f32(skips[1u + parameter_index(entry.packed)]); }
  if (params.skipping == 2u && skips[0] != 0u) { chunk.vectors = 0u; }
  return chunk;
}

/** 1 - (1 - rate)^steps by repeated squaring: sums of positive numbers, so that nothing cancels. */
fn bias_correction(rate: f32, steps: f32) -> f32 {
  var total = 0.0;
  var power = rate;
  for (var left = u32(steps); left > 0u; left >>= 1u) {
    if ((left & 1u) == 1u) { total += power * (1.0 - total); }
    power *= 2.0 - power;
  }
  return total;
}

/** The bias correction for the host's steps over the one for those that were taken. */
fn bias_correction_ratio(chunk: Chunk, rate: f32) -> f32 {
  return bias_correction(rate, chunk.b.w) / bias_correction(rate, chunk.b.w - chunk.skipped);
}
