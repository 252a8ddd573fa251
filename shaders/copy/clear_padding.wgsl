// Zeros from a tensor's last element to the next 16 bytes, for kernels that bind it as vectors.
struct Params { halves: u32 }
@group(0) @binding(0) var<uniform> params: Params; // 16-bit words that the tensor's elements take
@group(0) @binding(1) var<storage, read_write> y: array<u32>; // the slice, its size rounded up to 16 bytes

@compute @workgroup_size(1)
fn main() {
  var word = params.halves / 2;
  if (params.halves % 2 == 1) {
    y[word] = y[word] & 0xffff;
    word++;
  }
  let end = max(4, (params.halves + 7) / 8 * 4);
  for (; word < end; word++) {
    y[word] = 0;
  }
}
