/** Timestamps around each dispatch while `profile(fn)` runs. */
export interface PassTimer {
  /** The descriptor of a pass for one dispatch of the kernel `label`. */
  pass(label: string, encoder: GPUCommandEncoder): GPUComputePassDescriptor;
  submitted(): void;
}
