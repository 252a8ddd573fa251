/**
 * Flat storage: the parameters of an optimizer lie one after the other in one buffer, their gradients in another, so
 * that one dispatch reaches all of them. Whoever moved a parameter there, it stays: optimizers may share it.
 */
import { ArgumentError, check, DtypeError } from "../errors.ts";
import { ALIGNMENT, type BufferSlice, sizeClass } from "../gpu/buffer-pool.ts";
import { copyInto } from "../tensor/copy.ts";
import { keep } from "../tensor/scope.ts";
import { isDense } from "../tensor/shape.ts";
import { Storage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A tensor's place in flat storage: the whole buffer range, and where in it the tensor starts, in vectors of 16 bytes. */
export interface Place {
  readonly whole: BufferSlice;
  readonly vector: number;
}

const VECTOR_BYTES = 16;

/** Bytes that a tensor takes in flat storage: padded, so that whole vectors can be written and each place can be bound. */
export const placeBytes = (tensor: Tensor): number =>
  Math.max(ALIGNMENT, Math.ceil((tensor.size * 4) / ALIGNMENT) * ALIGNMENT);

/** Moves those parameters that are not there yet into flat storage, with a slot for the gradient of each. */
export function flattenParams(op: string, params: readonly Tensor[], nameOf: (param: Tensor) => string): void {
  const fresh = params.filter((param) => !isFlat(param));
  for (const param of fresh) checkMovable(op, param, nameOf(param));
  for (const part of cut(fresh)) moveTogether(part);
}

const isFlat = (param: Tensor): boolean => param.storage.flat !== undefined && param.gradSlot?.disposed === false;

function checkMovable(op: string, param: Tensor, name: string): void {
  check(param.dtype === "f32", DtypeError, () => `${op}: parameter ${name} has dtype ${param.dtype}, expected f32`);
  const whole = param.offset === 0 && isDense(param.shape, param.strides) && param.size * 4 === param.storage.bytes;
  check(
    whole,
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
    bytes += placeBytes(param);
    if (parts.length === 0 || sizeClass(bytes) > Math.min(maxBufferSize, maxStorageBufferBindingSize)) {
      parts.push([]);
      bytes = placeBytes(param);
    }
    parts[parts.length - 1]?.push(param);
  }
  return parts;
}

function moveTogether(params: readonly Tensor[]): void {
  const { device } = params[0] as Tensor;
  const bytes = params.reduce((sum, param) => sum + placeBytes(param), 0);
  const values = new Storage(device, bytes, () => "flat parameters");
  const gradients = new Storage(device, bytes, () => "flat gradients");
  let offset = 0;
  for (const param of params) {
    const { shape, strides } = param;
    const place = new Tensor(values, shape, strides, offset / 4, "f32");
    copyInto(place, param);
    param.storage.moveInto(values, offset);
    // After the move: the last reference to `values` must not go with it.
    place.dispose();
    param.gradSlot = internal(new Tensor(gradients, shape, strides, offset / 4, "f32"));
    offset += placeBytes(param);
  }
}

/** A tensor of the library's own: no scope frees it and nobody counts it. */
export function internal(tensor: Tensor): Tensor {
  keep(tensor).uncount();
  return tensor;
}

/** Where a flat parameter's values lie. */
export function valuePlace(param: Tensor): Place {
  const { storage } = param;
  return placeIn(storage.flat as Storage, storage.offset);
}

/** Where a flat parameter's gradient lies. */
export function gradPlace(param: Tensor): Place {
  const slot = param.gradSlot as Tensor;
  return placeIn(slot.storage, slot.storage.offset + slot.offset * 4);
}

function placeIn(flat: Storage, offset: number): Place {
  return { whole: flat.slice(0, flat.bytes), vector: (offset - flat.offset) / VECTOR_BYTES };
}
