// Measures the multiply-adds a second that the adapter can do: independent chains of them, nothing else.
struct Params { turns: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>; // (invocations)
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let x = vec4f(f32(id.x) * 1e-6 + 0.5);
  var a = x; var b = x + 0.1; var c = x + 0.2; var d = x + 0.3;
  var e = x + 0.4; var f = x + 0.5; var g = x + 0.6; var h = x + 0.7;
  for (var i = 0u; i < params.turns; i++) {
    a = a * x + x; b = b * x + x; c = c * x + x; d = d * x + x;
    e = e * x + x; f = f * x + x; g = g * x + x; h = h * x + x;
  }
  y[id.x] = a + b + c + d + e + f + g + h;
}
