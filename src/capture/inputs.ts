/** The tensors that a recording reads in place of its arguments, and how each call's arguments get into them. */
import { elementAt } from "../elements.ts";
import { CaptureError, check } from "../errors.ts";
import { type BufferSlice, noteUse } from "../gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { contiguous } from "../tensor/copy.ts";
import { keep } from "../tensor/scope.ts";
import { isDense, stridesOf } from "../tensor/shape.ts";
import { bytesOf, Storage } from "../tensor/storage.ts";
import { disposeBecause, makeTensor, storageOf, type Tensor } from "../tensor/tensor.ts";
import { bytesOfHost, type HostValues } from "./host-arrays.ts";

/** A tensor or host array among the arguments, each once. */
export type Input = {
  readonly path: string;
} & (
  | { readonly source: Tensor; readonly host: undefined }
  /** `source` is the argument itself: the typed array or the object around it. */
  | { readonly source: object; readonly host: HostValues }
);

/** The elements from the first to the last of a view, both included. */
export const spanOf = ({ shape, strides }: Pick<Tensor, "shape" | "strides">): number =>
  shape.includes(0) ? 0 : shape.reduce((last, dim, i) => last + (dim - 1) * elementAt(strides, i), 1);

const wholeWords = (bytes: number): number => Math.ceil(bytes / 4) * 4;

/**
 * The strides that the bound tensor takes over from an input, as text: kernels may sum a transposed tensor in another
 * order, and the bits would differ. Undefined where it is dense: the input is, or has gaps between its elements.
 */
export function boundLayout(input: Tensor): string | undefined {
  const { shape, strides, size, offset, dtype } = input;
  if (size === 0 || isDense(shape, strides)) return undefined;
  const fits = (offset * bytesOf(dtype)) % 4 === 0 && strides.every((one) => one >= 0) && spanOf(input) <= size;
  return fits ? `/${strides}` : undefined;
}

export class BoundInputs {
  readonly tensors: readonly Tensor[];
  readonly #device: Device;

  /** Makes the bound tensors in the device's present pool. */
  constructor(device: Device, inputs: readonly Input[]) {
    this.#device = device;
    this.tensors = inputs.map(({ source, host }) => {
      if (host) return bound(device, host.shape, stridesOf(host.shape), host.dtype);
      const { shape, strides, dtype } = source;
      return bound(device, shape, boundLayout(source) ? strides : stridesOf(shape), dtype);
    });
  }

  /** Uploads the host arrays of a call. Replays that still read the ones before are submitted. */
  upload(inputs: readonly Input[]): void {
    inputs.forEach(({ host, path }, i) => {
      if (host) runtimeOf(this.#device).recorder.upload(this.#slice(i), bytesOfHost(host, this.#device, path));
    });
  }

  /** The tensors that a call's inputs are copied from: themselves, or dense copies of those with gaps. */
  prepare(inputs: readonly Input[]): (Tensor | undefined)[] {
    return inputs.map(({ source, host }) => {
      if (host || source.size === 0) return undefined;
      const input = source;
      const isSame = isDense(input.shape, input.strides) || boundLayout(input) !== undefined;
      const isAligned = (input.offset * bytesOf(input.dtype)) % 4 === 0;
      return isSame && isAligned ? input : contiguous(input, { copy: true });
    });
  }

  /** Records the copies of a call's tensors into the bound ones. */
  copy(encoder: GPUCommandEncoder, prepared: readonly (Tensor | undefined)[]): void {
    const { submitIndex } = runtimeOf(this.#device).recorder;
    prepared.forEach((tensor, i) => {
      if (!tensor) return;
      const source = storageOf(tensor).slice(tensor.offset * bytesOf(tensor.dtype), 0);
      const { buffer, offset, size } = this.#slice(i);
      encoder.copyBufferToBuffer(source.buffer.gpu, source.offset, buffer.gpu, offset, size);
      noteUse(source.buffer, submitIndex);
      noteUse(buffer, submitIndex);
      runtimeOf(this.#device).recorder.wrote(buffer);
    });
  }

  /** Frees the dense copies that `prepare` made. */
  release(inputs: readonly Input[], prepared: readonly (Tensor | undefined)[]): void {
    prepared.forEach((tensor, i) => {
      if (tensor !== inputs[i]?.source) tensor?.dispose();
    });
  }

  /** Refuses what a function did to its arguments and a replay could not do to the caller's. */
  check(inputs: readonly Input[], isWritten: (tensor: Tensor) => boolean): void {
    const refuse = (i: number, what: string) => {
      throw new CaptureError(`capture: fn ${what} ${inputs[i]?.path}, which is a copy of the caller's: ${WAY_OUT}`);
    };
    this.tensors.forEach((tensor, i) => {
      if (tensor.disposed) refuse(i, "disposed of");
      if (storageOf(tensor).version > 0 || isWritten(tensor)) refuse(i, "wrote into");
      if (tensor.requiresGrad) refuse(i, "set requiresGrad of");
    });
  }

  /** Refuses arguments whose memory fn also writes by another way: the bound copy would not see it. */
  checkApart(inputs: readonly Input[], isWritten: (tensor: Tensor) => boolean): void {
    for (const { source, host, path } of inputs) {
      check(
        host || !isWritten(source),
        CaptureError,
        () =>
          `capture: ${path} shares memory with what fn writes to, and fn reads a copy of it made before; pass ${path}.clone(), or let fn refer to the tensor directly`,
      );
    }
  }

  dispose(why: string): void {
    for (const tensor of this.tensors) disposeBecause(tensor, why);
  }

  #slice(i: number): BufferSlice {
    const tensor = elementAt(this.tensors, i);
    return { ...storageOf(tensor).slice(0, 0), size: wholeWords(storageOf(tensor).bytes) };
  }
}

const WAY_OUT = "work on x.clone() and return it, or let fn refer to the tensor directly";

function bound(device: Device, shape: readonly number[], strides: readonly number[], dtype: Tensor["dtype"]): Tensor {
  const bytes = spanOf({ shape, strides }) * bytesOf(dtype);
  const storage = new Storage(device, bytes, () => `capture, a bound input of shape [${shape}]`);
  return keep(makeTensor(storage, [...shape], [...strides], 0, dtype));
}
