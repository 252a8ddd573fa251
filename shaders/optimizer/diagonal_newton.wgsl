// Newton's step with a diagonal Hessian for all parameters at once, kept safe: positive, damped, clipped.
import package::lib::index::{linear_group, group_count};
import package::lib::optimizer::{params, grad, value, chunk_of, bias_correction_ratio};

@group(0) @binding(4) var<storage, read_write> expAvg: array<vec4f>;   // flat state
@group(0) @binding(5) var<storage, read_write> curvature: array<vec4f>; // flat state
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  for (var n = linear_group(wid, nwg); n < params.chunks; n += group_count(nwg)) {
    var chunk = chunk_of(n);
    // a: 1 - beta1, damping, clip, factor on the parameter
    // b: lr, 1 / (1 - beta1^t)
    if (chunk.skipped > 0.0) { chunk.b.y *= bias_correction_ratio(chunk, chunk.a.x); }
    for (var i = thread; i < chunk.vectors; i += WORKGROUP) {
      let m = expAvg[chunk.state + i];
      let mean = m + chunk.a.x * (grad[chunk.grad + i] - m);
      expAvg[chunk.state + i] = mean;
      // The floor keeps 0 / 0 out where there is neither curvature nor damping.
      let bend = max(abs(curvature[chunk.state + i]) + chunk.a.y, vec4f(1e-30));
      let step = clamp(mean * chunk.b.y / bend, vec4f(-chunk.a.z), vec4f(chunk.a.z));
      value[chunk.value + i] = chunk.a.w * value[chunk.value + i] - chunk.b.x * step;
    }
  }
}
