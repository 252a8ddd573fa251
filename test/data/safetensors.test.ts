import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadSafetensors, safetensorsMetadata, saveSafetensors } from "../../src/data/index.ts";
import { ArgumentError, DataError, DisposedError } from "../../src/errors.ts";
import { transpose } from "../../src/ops/movement.ts";
import { ones, tensor, zeros } from "../../src/tensor/create.ts";
import { readData, readList } from "../../src/tensor/readback.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();
const written = (name: string) => readFileSync(new URL(`./safetensors/${name}.safetensors`, import.meta.url));
const read = async (x: Tensor | undefined) => [...(await readData(x as Tensor))];
const ascii = (text: string) => [...new TextEncoder().encode(text)];

/** A file of this header, padded by hand, and `values` bytes behind it. */
function file(header: unknown, values: number[] = [], length?: number): Uint8Array {
  const json = typeof header === "string" ? header : JSON.stringify(header);
  const size = length ?? ascii(json).length;
  return Uint8Array.from([size & 255, (size >> 8) & 255, size >> 16, 0, 0, 0, 0, 0, ...ascii(json), ...values]);
}
const one = (extra: object = {}) => ({ a: { dtype: "U8", shape: [2], data_offsets: [0, 2], ...extra } });

describe("saveSafetensors", () => {
  it("writes length, padded header and values byte for byte", async () => {
    const bytes = await saveSafetensors({ a: tensor([1, -2]) });
    const header = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  ';
    expect([...bytes]).toEqual([56, 0, 0, 0, 0, 0, 0, 0, ...ascii(header), 0, 0, 128, 63, 0, 0, 0, 192]);
    expect([...(await saveSafetensors({}))]).toEqual([8, 0, 0, 0, 0, 0, 0, 0, ...ascii("{}      ")]);
  });

  it("writes the very bytes of the Python library: order, escapes, metadata, padding", async () => {
    const tensors = {
      b: tensor([1.5, -2]),
      "layer.weight": tensor([0.1, 1e-40, -0, Infinity, 3e38, 6], { shape: [2, 3] }),
      "10": tensor([true, false, true]),
      "9": tensor([[-(2 ** 31), 7]], { dtype: "i32" }),
      é: tensor([2 ** 32 - 1, 0], { dtype: "u32" }),
      "\u{1f600}": tensor(1, { dtype: "u32" }),
      "\uffee": tensor(2, { dtype: "u32" }),
      'quote" back\\ \n \x7f \x01': tensor(4),
      empty: zeros([0, 3]),
    };
    const bytes = await saveSafetensors(tensors, { format: "pt" });
    expect(Buffer.from(bytes).toString("latin1")).toBe(written("own").toString("latin1"));
  });

  it("writes views and f16 tensors, which load back", async () => {
    const turned = transpose(tensor([[1, 2, 3], [4, 5, 6]]), 0, 1); // biome-ignore format: a matrix
    const tensors: Record<string, Tensor> = { turned, mask: tensor([[true], [false]]) };
    if (device.features.f16) tensors.half = tensor([1, -0.5, 65504], { dtype: "f16" });
    const loaded = loadSafetensors(await saveSafetensors(tensors));
    expect(Object.keys(loaded).sort()).toEqual(Object.keys(tensors).sort());
    for (const [name, original] of Object.entries(tensors)) {
      expect(loaded[name]).toMatchObject({ shape: original.shape, dtype: original.dtype });
      expect(await readList(loaded[name] as Tensor)).toEqual(await readList(original));
    }
  });

  it("refuses what is no tensor, no string, disposed, or has a reserved name", async () => {
    const gone = ones([1]);
    gone.dispose();
    await expect(saveSafetensors({ a: 1 } as never)).rejects.toThrow(/'a' expected a tensor, got 1/);
    await expect(saveSafetensors(ones([1]) as never)).rejects.toThrow(/'tensors' expected an object/);
    await expect(saveSafetensors({ __metadata__: ones([1]) })).rejects.toThrow(ArgumentError);
    await expect(saveSafetensors({}, { step: 3 } as never)).rejects.toThrow(/'metadata.step' expected a string, got 3/);
    await expect(saveSafetensors({ gone })).rejects.toThrow(DisposedError);
  });
});

describe("loadSafetensors", () => {
  it("reads every dtype that the Python library wrote", async () => {
    const all = loadSafetensors(written("all"));
    const want: Record<string, [string, number[]]> = {
      f64: ["f32", [Math.fround(0.1), -Infinity]],
      f32: ["f32", [Math.fround(0.1), -2.5]],
      f16: [device.features.f16 ? "f16" : "f32", [1, -2.5, 65504]],
      bf16: ["f32", [1, -3.5]],
      i64: ["i32", [-(2 ** 31), 2 ** 31 - 1]],
      u64: ["u32", [2 ** 32 - 1]],
      i32: ["i32", [-5]],
      u32: ["u32", [2 ** 32 - 1]],
      i16: ["i32", [-300]],
      u16: ["u32", [65535]],
      i8: ["i32", [-1, 0, 127]],
      u8: ["u32", [1, 255]],
      bool: ["bool", [1, 0]],
    };
    expect(Object.keys(all).sort()).toEqual(Object.keys(want).sort());
    for (const [name, [dtype, values]] of Object.entries(want)) {
      expect([name, all[name]?.dtype, await read(all[name])]).toEqual([name, dtype, values]);
    }
    expect(all.bool?.shape).toEqual([2, 1]);
    expect(safetensorsMetadata(written("own"))).toEqual({ format: "pt" });
    expect(safetensorsMetadata(written("all"))).toEqual({});
  });

  it("takes any kind of bytes, whatever their alignment", async () => {
    const bytes = await saveSafetensors({ a: tensor([1, 2, 3]) });
    const inside = new Uint8Array(bytes.length + 3).subarray(3);
    inside.set(bytes);
    for (const form of [bytes, bytes.buffer, Buffer.from(bytes), inside]) {
      expect(await read(loadSafetensors(form).a)).toEqual([1, 2, 3]);
    }
  });

  it.each([
    ["an empty file", new Uint8Array(0), /at byte 0: expected the header's length \(8 bytes\), got the end/],
    ["half a length", new Uint8Array(5), /at byte 5: expected the header's length/],
    ["an empty header", file("", []), /at byte 8: expected '\{'/],
    ["a foreign file", Uint8Array.from(ascii("<!doctype html>")), /at byte 0: expected a header of at most 100000000/],
    ["a header cut off", file(one(), [], 500), /at byte 61: expected a header up to byte 508, got the end/],
    ["leading space", file(` ${JSON.stringify(one())}`, [1, 2]), /at byte 8: expected '\{'/],
    ["no JSON", file('{"a":', []), /at byte 8: the header is not JSON/],
    ["no UTF-8", Uint8Array.from([3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0x7d]), /at byte 8: the header is not UTF-8/],
    ["a key twice", file('{"a":{},"a":{}}'), /at byte 16: the key 'a' is there twice/],
    ["a key twice within", file('{"é":{"dtype":"U8","dtype":"I8"}}'), /at byte 28: the key 'dtype' is there twice/],
    ["no object", file({ a: 1 }), /at byte 9: 'a': expected an object with dtype, shape and data_offsets/],
    ["an unknown dtype", file(one({ dtype: "F8_E4M3" }), [1, 2]), /at byte 9: 'a': expected a dtype .*got "F8_E4M3"/],
    ["no dtype", file(one({ dtype: undefined }), [1, 2]), /'a': expected a dtype .*got undefined/],
    ["a wrong shape", file(one({ shape: [2, -1] }), [1, 2]), /'a': expected a shape of integers >= 0, got \[2,-1\]/],
    ["no offsets", file(one({ data_offsets: [0] }), [1, 2]), /'a': expected data_offsets \[begin, end\], got \[0\]/],
    ["offsets reversed", file(one({ data_offsets: [2, 0] }), [1, 2]), /'a': expected 2 bytes for U8 .*, got -2/],
    ["too few bytes", file(one({ shape: [3] }), [1, 2]), /'a': expected 3 bytes for U8 of shape \[3\], got 2/],
    [
      "metadata of numbers",
      file({ __metadata__: { n: 1 } }),
      /at byte 9: '__metadata__': expected an object of strings/,
    ],
    ["values cut off", file(one(), [1]), /at byte 62: expected values up to byte 63, got the end of the file/],
    ["values left over", file(one(), [1, 2, 3, 4]), /at byte 63: expected the end of the file, got 2 more bytes/],
    [
      "a gap",
      file({ ...one(), b: { dtype: "U8", shape: [1], data_offsets: [3, 4] } }, [1, 2, 3, 4]),
      /at byte 115: expected the values of 'b', which begin at byte 116: a gap/,
    ],
    [
      "an overlap",
      file({ ...one(), b: { dtype: "U8", shape: [2], data_offsets: [1, 3] } }, [1, 2, 3]),
      /at byte 114: the values of 'b' overlap those before, which end at byte 115/,
    ],
    ["a bool of 2", file(one({ dtype: "BOOL" }), [1, 2]), /at byte 64: 'a': expected 0 or 1 for BOOL, got 2/],
    [
      "a large I64",
      file({ a: { dtype: "I64", shape: [2], data_offsets: [0, 16] } }, [...Array(8).fill(0), 0, 0, 0, 128, 0, 0, 0, 0]),
      /at byte 71: 'a': the I64 value 2147483648 does not fit 32 bits \(-2147483648 to 2147483647\)/,
    ],
  ])("refuses %s with the byte offset, and leaves nothing behind", (_, bytes, message) => {
    const before = device.memory().tensors;
    expect(() => loadSafetensors(bytes)).toThrow(DataError);
    expect(() => loadSafetensors(bytes)).toThrow(message);
    expect(device.memory().tensors).toBe(before);
  });

  it("refuses every truncation of a good file", () => {
    const whole = written("all");
    for (let length = 0; length < whole.length; length += 7) {
      expect(() => loadSafetensors(whole.subarray(0, length)), `${length} bytes`).toThrow(DataError);
    }
  });
});
