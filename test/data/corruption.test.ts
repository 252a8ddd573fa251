/** Files that are damaged, cut, or of other formats: every one is refused with a typed error, and nothing is changed. */
import { expect, it } from "vitest";
import {
  DataLoader,
  loadCheckpoint,
  loadSafetensors,
  safetensorsMetadata,
  saveCheckpoint,
  saveSafetensors,
} from "../../src/data/index.ts";
import { ArgumentError, DataError, GradwellError } from "../../src/errors.ts";
import "../../src/tensor-methods.ts";
import { Linear, Sequential } from "../../src/nn/index.ts";
import { mean } from "../../src/ops/reduce.ts";
import { AdamW } from "../../src/optim/index.ts";
import { ones, tensor } from "../../src/tensor/create.ts";
import { readData } from "../../src/tensor/readback.ts";
import { testDevice } from "../support/device.ts";

const device = await testDevice();
const MUTANTS = process.env.GRADWELL_TEST_ALL === "1" ? 3000 : 600;
const FLIPS = process.env.GRADWELL_TEST_ALL === "1" ? 5000 : 300;

const model = new Sequential(new Linear(4, 3), new Linear(3, 2));
const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
mean(model.forward(ones([5, 4]))).backward();
optimizer.step();
const loader = new DataLoader([ones([10, 2])], { batchSize: 3, shuffle: true, seed: 1 });
const target = { model, optimizer, loader };
const checkpoint = await saveCheckpoint({ ...target, step: 2, epoch: 1, metadata: { a: [1, { b: 'x\n"' }] } });
const { checksum: _, ...texts } = safetensorsMetadata(checkpoint);
/** Without a checksum, so that damage reaches what comes after it. */
const unsealed = await saveSafetensors(loadSafetensors(checkpoint), { ...texts, version: "1" });
const plain = await saveSafetensors({ a: ones([3]), b: tensor([[1, 2]], { dtype: "i32" }) }, { x: "y" });

function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const NUMBERS = ["-5", "1e99", "9007199254740993", "null", "99999999999999999999", "0.5", "[]", '"x"', "{}", "-0"];

/** One to four damages: a bit, the end cut off, bytes put in, a number replaced, a stretch copied elsewhere. */
function damaged(source: Uint8Array, random: (n: number) => number): Uint8Array<ArrayBuffer> {
  let file = Uint8Array.from(source);
  for (let n = 1 + random(4); n > 0; n--) {
    const at = random(file.length);
    const kind = random(6);
    if (kind === 0) file[at] = (file[at] as number) ^ (1 << random(8));
    else if (kind === 1) file = file.slice(0, Math.max(1, at));
    else if (kind === 2)
      file = Uint8Array.from([
        ...file.slice(0, at),
        ...Array.from({ length: random(40) }, () => random(256)),
        ...file.slice(at),
      ]);
    else if (kind === 3) file.copyWithin(at, random(file.length), Math.min(file.length, at + random(30)));
    else {
      const text = new TextDecoder("latin1").decode(file);
      const numbers = [...text.matchAll(/\d+/g)];
      const one = numbers[random(numbers.length)];
      if (!one) continue;
      const changed =
        text.slice(0, one.index) + NUMBERS[random(NUMBERS.length)] + text.slice(one.index + one[0].length);
      file = Uint8Array.from(changed, (letter) => letter.charCodeAt(0));
    }
  }
  return file;
}

async function bitsOfModel(): Promise<number[]> {
  const values = await Promise.all(Object.values(model.stateDict()).map(readData));
  return values.flatMap((one) => [...one]);
}

it("damaged files are refused with typed errors alone, and change nothing", async () => {
  const random = generator(11);
  const before = await bitsOfModel();
  let refused = 0;
  for (let i = 0; i < MUTANTS; i++) {
    const isSealed = i % 3 === 0;
    const file = damaged([checkpoint, unsealed, plain][i % 3] as Uint8Array, random);
    for (const load of [() => loadSafetensors(file), () => loadCheckpoint(file, target)]) {
      const { tensors } = device.memory();
      try {
        const found = load();
        if (load.toString().includes("loadSafetensors"))
          for (const one of Object.values(found as Record<string, { dispose(): void }>)) one.dispose();
        else {
          expect(isSealed && file.length === checkpoint.length && file.some((byte, k) => byte !== checkpoint[k])).toBe(
            false,
          );
          loadCheckpoint(checkpoint, target);
        }
      } catch (error) {
        if (!(error instanceof GradwellError)) throw error;
        refused++;
      }
      expect(device.memory().tensors).toBeLessThanOrEqual(tensors);
    }
    if (i % 100 === 0) expect(await bitsOfModel()).toEqual(before);
  }
  expect(refused).toBeGreaterThan(MUTANTS);
  expect(await bitsOfModel()).toEqual(before);
});

it("every single flipped bit of a checkpoint is noticed", () => {
  const random = generator(5);
  for (let i = 0; i < FLIPS; i++) {
    const file = Uint8Array.from(checkpoint);
    const [byte, bit] = [random(file.length), random(8)];
    file[byte] = (file[byte] as number) ^ (1 << bit);
    expect(() => loadCheckpoint(file, target), `bit ${bit} of byte ${byte}`).toThrow(DataError);
  }
});

function headed(json: string, values = 0): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(json);
  const file = new Uint8Array(8 + text.length + values);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

it("deep nesting is refused, and long texts are read", async () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const inside = { format: "gradwell-checkpoint", version: "1", step: "1", optimizer: deep };
  expect(() => loadSafetensors(headed(`{"a":${deep}}`))).toThrow(DataError);
  expect(() => loadCheckpoint(headed(JSON.stringify({ __metadata__: inside })), target)).toThrow(/nests deeper/);
  const long = headed(JSON.stringify({ __metadata__: { k: "x".repeat(3_000_000) } }));
  expect(safetensorsMetadata(long).k).toHaveLength(3_000_000);
  let nested: unknown = 1;
  for (let i = 0; i < 20_000; i++) nested = [nested];
  await expect(saveCheckpoint({ model, metadata: nested })).rejects.toThrow(ArgumentError);
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  await expect(saveCheckpoint({ model, metadata: cyclic })).rejects.toThrow(/levels of nesting/);
});

it.each([
  [[0x50, 0x4b, 0x03, 0x04], /PyTorch file.*save_file/],
  [[0x80, 0x02, 0x8a, 0x0a], /PyTorch file.*save_file/],
  [[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], /NumPy/],
  [[0x89, 0x48, 0x44, 0x46], /HDF5/],
  [[0x47, 0x47, 0x55, 0x46], /GGUF/],
])("the error says what a file is that begins with %j, and what to do", (bytes, message) => {
  expect(() => loadSafetensors(Uint8Array.from([...bytes, ...new Array(64).fill(7)]))).toThrow(message);
});
