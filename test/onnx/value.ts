/** Values of a graph: as they lie in ONNX's files, and as tensors of this library. */
import { currentDevice, type Dtype, type Tensor, tensor } from "gradwell";
import type { OnnxTensor, OnnxType } from "./proto.ts";

/** Why a case cannot be run: something that the public surface does not have. Anything else that goes wrong is a failure. */
export class LeftOut extends Error {
  override name = "LeftOut";
}

export function leaveOut(reason: string): never {
  throw new LeftOut(reason);
}

/** The dtype that holds values of a type. Those with 64 bits are narrowed, which their values must allow. */
const DTYPES: Partial<Record<OnnxType, Dtype>> = {
  ...{ float: "f32", float16: "f16", int32: "i32", uint32: "u32", bool: "bool" },
  ...{ double: "f32", int64: "i32", uint64: "u32" },
};

export function dtypeOf(type: OnnxType | undefined): Dtype {
  if (type === undefined) return leaveOut("sequences and optionals: there are tensors only");
  const dtype = DTYPES[type] ?? leaveOut(`dtype ${type}: there are f32, f16, i32, u32 and bool`);
  if (dtype === "f16" && !currentDevice().features.f16) leaveOut("dtype float16: this adapter has no shader-f16");
  return dtype;
}

const RANGES: Partial<Record<OnnxType, readonly [number, number]>> = {
  int64: [-(2 ** 31), 2 ** 31 - 1],
  uint64: [0, 2 ** 32 - 1],
};

/** Leaves a case out whose numbers do not fit the dtype that stands for their type. */
export function assertFits({ type, data }: OnnxTensor): void {
  const [low, high] = RANGES[type] ?? [-Infinity, Infinity];
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if (value < low || value > high) leaveOut(`${type} ${value}: there are no 64-bit integers`);
  }
}

export interface Value {
  readonly tensor: Tensor;
  /** On the host, for shapes, axes and the like. */
  numbers(): Promise<number[]>;
}

export const computed = (result: Tensor): Value => ({
  tensor: result,
  numbers: async () => Array.from(await result.data()),
});

/** A value in a file, made a tensor when that is asked for. */
export function given(file: OnnxTensor): Value {
  let made: Tensor | undefined;
  return {
    get tensor() {
      made ??= toTensor(file);
      return made;
    },
    numbers: async () => Array.from(file.data),
  };
}

function toTensor(file: OnnxTensor): Tensor {
  const dtype = dtypeOf(file.type);
  assertFits(file);
  return tensor(Float64Array.from(file.data), { shape: file.shape, dtype });
}
