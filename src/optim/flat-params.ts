/**
 * Flat storage: the parameters of an optimizer lie one after the other in one buffer, their gradients in another, so
 * that one dispatch reaches all of them. Whoever moved a parameter there, it stays: optimizers may share it.
 */
import { elementAt } from "../elements.ts";
import { ArgumentError, check, DtypeError, expected } from "../errors.ts";
import { ALIGNMENT, type BufferSlice, sizeClass } from "../gpu/buffer-pool.ts";
import { copyInto } from "../tensor/copy.ts";
import { keep } from "../tensor/scope.ts";
import { isDense } from "../tensor/shape.ts";
import { Storage } from "../tensor/storage.ts";
import { gradSlotOf, handleOf, makeTensor, setGradSlot, storageOf, type Tensor } from "../tensor/tensor.ts";

/** A tensor's part of flat storage: the storage's whole buffer range to bind, and where in it the tensor starts, in vectors. */
export interface FlatSlice {
  readonly binding: BufferSlice;
  readonly vector: number;
}

export const VECTOR_BYTES = 16;

/** Bytes that a tensor takes in flat storage: padded, so that whole vectors can be written and each start can be bound. */
export const paddedBytes = (tensor: Tensor): number =>
  Math.max(ALIGNMENT, Math.ceil((tensor.size * 4) / ALIGNMENT) * ALIGNMENT);

/** Moves those parameters that are not there yet into flat storage, with a slot for the gradient of each. */
export function flattenParams(op: string, params: readonly Tensor[], nameOf: (param: Tensor) => string): void {
  const fresh = params.filter((param) => !isFlat(param));
  for (const param of fresh) checkMovable(op, param, nameOf(param));
  for (const part of cut(fresh)) moveTogether(part);
}

const isFlat = (param: Tensor): boolean => storageOf(param).flat !== undefined && gradSlotOf(param)?.disposed === false;

function checkMovable(op: string, param: Tensor, name: string): void {
  check(param.dtype === "f32", DtypeError, () => `${op}: parameter ${name} has dtype ${param.dtype}, expected f32`);
  const isWhole =
    param.offset === 0 && isDense(param.shape, param.strides) && param.size * 4 === storageOf(param).bytes;
  check(
    isWhole,
    ArgumentError,
    () =>
      `${op}: parameter ${name} of shape [${param.shape}] is a view of a part of other memory, or not dense; optimize the ` +
      "tensor it is a view of, or a copy of it",
  );
}

/** Runs of parameters that fit one buffer. One that is larger than that alone fails when its memory is asked for. */
function cut(params: readonly Tensor[]): Tensor[][] {
  const parts: Tensor[][] = [];
  let bytes = 0;
  for (const param of params) {
    const { maxBufferSize, maxStorageBufferBindingSize } = param.device.limits;
    bytes += paddedBytes(param);
    if (parts.length === 0 || sizeClass(bytes) > Math.min(maxBufferSize, maxStorageBufferBindingSize)) {
      parts.push([]);
      bytes = paddedBytes(param);
    }
    parts[parts.length - 1]?.push(param);
  }
  return parts;
}

function moveTogether(params: readonly Tensor[]): void {
  const { device } = elementAt(params, 0);
  const bytes = params.reduce((sum, param) => sum + paddedBytes(param), 0);
  const values = new Storage(device, bytes, () => "flat parameters");
  const gradients = new Storage(device, bytes, () => "flat gradients");
  let offset = 0;
  for (const param of params) {
    const { shape, strides } = param;
    const target = makeTensor(values, shape, strides, offset / 4, "f32");
    copyInto(target, param);
    storageOf(param).moveInto(values, offset);
    // After the move: the last reference to `values` must not go with it.
    target.dispose();
    setGradSlot(param, internal(makeTensor(gradients, shape, strides, offset / 4, "f32")));
    offset += paddedBytes(param);
  }
}

/** Marks a tensor as internal: no scope frees it and it is not counted. */
export function internal(tensor: Tensor): Tensor {
  handleOf(keep(tensor)).uncount();
  return tensor;
}

/** A flat parameter's values. */
export function valueSlice(param: Tensor): FlatSlice {
  const storage = storageOf(param);
  return sliceOf(storage.flat as Storage, storage.offset);
}

/** A flat parameter's gradient. */
export function gradSlice(param: Tensor): FlatSlice {
  const slot = gradSlotOf(param);
  check(slot, ArgumentError, () => expected("optimizer", "param", "a parameter in flat storage", param));
  return sliceOf(storageOf(slot), storageOf(slot).offset + slot.offset * 4);
}

/** Identifies the two buffers that hold a flat parameter's values and gradient. */
export const flatBufferIds = (param: Tensor): string =>
  `${valueSlice(param).binding.buffer.id}:${gradSlice(param).binding.buffer.id}`;

function sliceOf(flat: Storage, offset: number): FlatSlice {
  return { binding: flat.slice(0, flat.bytes), vector: (offset - flat.offset) / VECTOR_BYTES };
}
