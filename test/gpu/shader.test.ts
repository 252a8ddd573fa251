import { expect, it } from "vitest";
import type { BufferSlice } from "../../src/gpu/buffer-pool.ts";
import type { Overrides, RunArgs } from "../../src/gpu/shader.ts";
import type { fill } from "../../src/gpu/shaders.generated.ts";

it("makes a misspelt, missing or mistaken name a compile error", () => {
  const y = {} as BufferSlice;
  const accepts = (_: RunArgs<typeof fill>) => true;
  const constants = (_: Overrides<typeof fill>) => true;
  expect(accepts({ y, vectors: 4, bits: 0 })).toBe(true);
  expect(constants({ WORKGROUP: 128 })).toBe(true);
  // @ts-expect-error a misspelt binding
  accepts({ z: y, vectors: 4, bits: 0 });
  // @ts-expect-error a misspelt param
  accepts({ y, vectors: 4, bitz: 0 });
  // @ts-expect-error a missing param
  accepts({ y, vectors: 4 });
  // @ts-expect-error one name too many
  accepts({ y, vectors: 4, bits: 0, rows: 1 });
  // @ts-expect-error a buffer where a number belongs
  accepts({ y, vectors: y, bits: 0 });
  // @ts-expect-error a misspelt override
  constants({ WORKGROUPS: 128 });
});
