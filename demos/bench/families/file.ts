/** A family's file: parameters as `param.<name>`, inputs as `input.<name>`, and those of inference as `infer.<name>`. */
import { readHeader } from "../../../src/data/safetensors-header.ts";
import { INFERENCE_BATCHES } from "./families.ts";

export interface HostArray {
  shape: number[];
  values: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
}

export type HostArrays = Record<string, HostArray>;

export interface FamilyData {
  params: HostArrays;
  inputs: HostArrays;
  /** As many examples as the largest batch of inference takes. */
  infer: HostArrays;
}

export const LARGEST_INFERENCE: number = Math.max(...INFERENCE_BATCHES);

export function parseFamilyFile(bytes: Uint8Array): FamilyData {
  const data: FamilyData = { params: {}, inputs: {}, infer: {} };
  const groups: Record<string, HostArrays> = { param: data.params, input: data.inputs, infer: data.infer };
  for (const { name, dtype, shape, begin, end } of readHeader(bytes).entries) {
    const [group, ...rest] = name.split(".");
    // A Buffer's own slice would share the whole file.
    const range = new Uint8Array(bytes.subarray(begin, end)).buffer;
    const values = dtype === "I32" ? new Int32Array(range) : new Float32Array(range);
    const into = groups[group ?? ""];
    if (into) into[rest.join(".")] = { shape: [...shape], values };
  }
  return data;
}

/** The first `batch` examples. */
export function firstOf({ shape, values }: HostArray, batch: number): HostArray {
  const each = values.length / (shape[0] as number);
  return { shape: [batch, ...shape.slice(1)], values: values.slice(0, batch * each) };
}
