/** Tests of f16: run where the adapter has it, elsewhere replaced by one of the error that names what is missing. */
import { describe, expect, it } from "vitest";
import type { Device } from "../../src/gpu/device.ts";
import { autocast, DtypeError, tensor } from "../../src/index.ts";

export function describeHalf(device: Device, name: string, tests: () => void): void {
  if (device.features.f16) describe(name, tests);
  else it(`${name}: f16 is refused without shader-f16`, () => expectRefused(device));
}

/** Every way into f16 names the feature and the adapter. */
export function expectRefused(device: Device): void {
  const ways: Record<string, () => unknown> = {
    tensor: () => tensor([1], { dtype: "f16" }),
    to: () => tensor([1]).to("f16"),
    autocast: () => autocast(() => 1),
  };
  for (const [op, way] of Object.entries(ways)) {
    expect(way, op).toThrow(DtypeError);
    const { description } = device.info;
    expect(way, op).toThrow(
      `${op}: dtype f16 needs the WebGPU feature shader-f16, which this adapter (${description}) does not have`,
    );
  }
}
