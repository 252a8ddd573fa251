/**
 * Outputs of a captured function. Small ones are copied at each call into memory of their own; large ones stay
 * where the recording writes them, and the handles of a call end with the next one. What was there before is itself.
 */

import { edgeOf, Node } from "../autograd/graph.ts";
import type { OpDefinition } from "../autograd/op-types.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, CaptureError, check, expected } from "../errors.ts";
import { ALIGNMENT, type BufferPool, type BufferSlice, type GpuBuffer, noteUse } from "../gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { contiguous } from "../tensor/copy.ts";
import { keyedByIdentity } from "../tensor/identity.ts";
import { keep } from "../tensor/scope.ts";
import { isDense } from "../tensor/shape.ts";
import { bytesOf, Storage } from "../tensor/storage.ts";
import { asLeaf, handleOf, isGradOf, makeTensor, storageOf, Tensor, view } from "../tensor/tensor.ts";
import { boundLayout, type Input, spanOf } from "./inputs.ts";
import { isPlain, rebuild, walkPlain } from "./plain.ts";
import { OutputSlots, type Slot } from "./slots.ts";

/** Outputs of at most this many bytes are copied. */
export const SMALL_BYTES = 64 * 1024;

const OVERWRITTEN = "overwritten by the next call of the captured function; clone() it before";

/** Outputs that share a range of one storage. */
interface Group {
  readonly storage: Storage;
  readonly members: readonly Member[];
  /** Bytes of the storage: from, and length. */
  readonly start: number;
  readonly bytes: number;
}

/** An output as `fn` returned it, and the tensor that has its values: itself, or a dense copy. */
interface Member {
  readonly output: Tensor;
  readonly values: Tensor;
}

/** The memory of large outputs in the hands of the caller. */
interface Loan {
  readonly storage: Storage;
  readonly within: Storage;
  readonly handles: readonly Tensor[];
}

/** Gives a call the handle of an output that lies in no memory of the recording. */
type Source = (inputs: readonly Input[]) => Tensor;

/** The state of a recording by which its outputs are classified. */
export interface Made {
  readonly device: Device;
  readonly pool: BufferPool;
  /** Every tensor that was made while recording. */
  readonly tensors: ReadonlySet<unknown>;
  readonly inputs: readonly Input[];
  readonly bound: readonly Tensor[];
  readonly gradLeaves: Iterable<Tensor>;
  readonly writerOf: (buffer: GpuBuffer) => string | undefined;
}

/** The tensors in a result with their paths. Those that no call could give anew are refused. */
export function outputsIn(result: unknown, made: ReadonlySet<unknown>): Map<Tensor, string> {
  const found = new Map<Tensor, string>();
  walkPlain(result, "result", (one, path) => {
    if (one instanceof Tensor) found.set(one, path);
    else if (!isPlain(one) && !(keyedByIdentity in one)) refuseTensorsOf(one, path, made);
    return !(one instanceof Tensor);
  });
  return found;
}

function refuseTensorsOf(object: object, path: string, made: ReadonlySet<unknown>): void {
  for (const { value } of Object.values(Object.getOwnPropertyDescriptors(object))) {
    walkPlain(value, path, (one) => {
      if (!made.has(one)) return !(one instanceof Tensor);
      throw new CaptureError(
        `capture: ${path} is an instance of ${object.constructor?.name} with a tensor in it, which no replay could make anew; return arrays, plain objects, Maps or Sets`,
      );
    });
  }
}

export class Outputs {
  /** The operation that made each output, by path. */
  readonly origins = new Map<string, string>();
  readonly #result: unknown;
  readonly #device: Device;
  /** Handles that the recording keeps, so that their memory stays its own. */
  readonly #templates: Tensor[] = [];
  readonly #sources = new Map<object, Source>();
  readonly #copied: Group[] = [];
  readonly #lent: Group[] = [];
  readonly #slots: OutputSlots;
  #loans: Loan[] = [];

  /** While the tape still records: what is small but far apart is made dense by a dispatch. */
  constructor(result: unknown, outputs: ReadonlyMap<Tensor, string>, made: Made) {
    this.#device = made.device;
    this.#result = result;
    const own = new Map<Storage, Tensor[]>();
    for (const [output, path] of outputs) {
      if (!output.disposed) this.origins.set(path, made.writerOf(storageOf(output).buffer) ?? "no operation");
      const source = sourceOf(output, made);
      if (source) this.#sources.set(output, source);
      else own.set(storageOf(output), [...(own.get(storageOf(output)) ?? []), output]);
      if (made.tensors.has(output) && !isGradient(output, made)) this.#templates.push(keep(output));
    }
    for (const some of own.values()) this.#copyOrLend(some);
    const isSpent = this.#copied.every(({ members }) => members.every(({ output }) => !handleOf(output).counted));
    this.#slots = new OutputSlots(
      made.device,
      this.#copied.map(({ bytes }) => bytes),
      isSpent,
    );
  }

  /** Memory for the copies of the next call: asked for before anything of the call is done. */
  reserve(): Slot[] {
    return this.#slots.take();
  }

  /** Ends the handles of the last call on memory that is about to be overwritten. */
  revoke(why = OVERWRITTEN): void {
    for (const { storage, within, handles } of this.#loans) {
      // Made a parameter meanwhile, it has moved into an optimizer's storage.
      if (storage.flat !== within) continue;
      storage.revoked = why;
      for (const handle of handles) handle.dispose();
    }
    this.#loans = [];
  }

  /** Records the copies of a call and gives its result. */
  emit(encoder: GPUCommandEncoder, inputs: readonly Input[], slots: readonly Slot[]): unknown {
    const handles = new Map<object, Tensor>();
    this.#copied.forEach((group, i) => {
      const { within, offset } = slots[i] as Slot;
      const storage = new Storage(this.#device, group.bytes, { within, offset });
      copy(encoder, this.#device, group.storage.slice(group.start, group.bytes), storage.slice(0, group.bytes));
      handOut(group, storage, handles);
    });
    for (const group of this.#lent) {
      const storage = new Storage(this.#device, group.bytes, { within: group.storage, offset: group.start });
      this.#loans.push({ storage, within: group.storage, handles: handOut(group, storage, handles) });
    }
    return rebuild(this.#result, (one) => this.#sources.get(one)?.(inputs), handles);
  }

  /** Frees what the recording holds. */
  dispose(why: string): void {
    this.revoke(why);
    for (const tensor of this.#templates) tensor.dispose();
    this.#slots.dispose();
  }

  /** Decides for outputs on one storage whether they are copied or lent. */
  #copyOrLend(outputs: readonly Tensor[]): void {
    const group = groupOf(outputs.map((output) => ({ output, values: output })));
    if (group.bytes <= SMALL_BYTES) {
      this.#copied.push(group);
      return;
    }
    for (const output of outputs.filter(isSmall)) {
      const values = keep(contiguous(output, { copy: true }));
      this.#templates.push(values);
      this.#copied.push(groupOf([{ output, values }]));
    }
    const large = outputs.filter((one) => !isSmall(one));
    if (large.length > 0) this.#lent.push(groupOf(large.map((output) => ({ output, values: output }))));
  }
}

const isSmall = ({ size, dtype }: Tensor): boolean => size * bytesOf(dtype) <= SMALL_BYTES;

function isGradient(output: Tensor, { gradLeaves }: Made): boolean {
  for (const leaf of gradLeaves) if (isGradOf(output, leaf)) return true;
  return false;
}

/** The source of an output that is no memory of the recording; undefined where it is. */
function sourceOf(output: Tensor, made: Made): Source | undefined {
  for (const leaf of made.gradLeaves) if (isGradOf(output, leaf)) return () => gradientOf(leaf);
  if (output.disposed) return () => output;
  const i = made.bound.findIndex((one) => storageOf(one) === storageOf(output));
  if (i >= 0 && made.inputs[i]?.host) return undefined;
  if (i >= 0) return output === made.bound[i] ? (inputs) => tensorAt(inputs, i) : viewOfInput(output, i);
  if (!made.tensors.has(output)) return () => output;
  if (storageOf(output).buffer.pool === made.pool) return undefined;
  return () => finish(view(output, output.shape, output.strides, output.offset), output);
}

/** The gradient that `leaf.grad` gives after a replay, which sets it. */
function gradientOf(leaf: Tensor): Tensor {
  const { grad } = leaf;
  check(grad, CaptureError, () => `capture: the gradient of ${leaf}, which the function returned, is null`);
  return grad;
}

/** Argument `i` of a call, where the recording had a tensor. */
function tensorAt(inputs: readonly Input[], i: number): Tensor {
  const { source, path } = elementAt(inputs, i);
  check(source instanceof Tensor, CaptureError, () => expected("capture", path, "a tensor, as when recorded", source));
  return source;
}

/** The view of the caller's tensor that `output` is of the bound one; of a copy where its elements have gaps between them. */
function viewOfInput(output: Tensor, i: number): Source {
  const { shape, strides, offset } = output;
  return (inputs) => {
    const input = tensorAt(inputs, i);
    const isSame = isDense(input.shape, input.strides) || boundLayout(input) !== undefined;
    const base = isSame ? input : contiguous(input, { copy: true });
    const handle = finish(view(base, shape, strides, base.offset + offset), output);
    if (!isSame) base.dispose();
    return handle;
  };
}

/** The range of memory that these lie in, from an offset that a kernel can bind. */
function groupOf(members: readonly Member[]): Group {
  const [{ values: first }] = members as readonly [Member, ...Member[]];
  const storage = storageOf(first);
  const each = bytesOf(first.dtype);
  const starts = members.map(({ values }) => values.offset * each);
  const start = Math.floor(Math.min(...starts) / ALIGNMENT) * ALIGNMENT;
  const end = Math.max(...members.map(({ values }) => (values.offset + spanOf(values)) * each));
  return { storage, members, start, bytes: Math.max(0, end - start) };
}

function handOut({ members, start }: Group, storage: Storage, handles: Map<object, Tensor>): Tensor[] {
  storage.isCaptured = true;
  return members.map(({ output, values: { shape, strides, offset, dtype } }) => {
    const handle = finish(makeTensor(storage, shape, strides, offset - start / bytesOf(dtype), dtype), output);
    handles.set(output, handle);
    return handle;
  });
}

/** Gives a handle what else `output` is. */
function finish(handle: Tensor, output: Tensor): Tensor {
  handle.label = output.label;
  if (!handleOf(output).counted) handleOf(handle).uncount();
  const edge = edgeOf(output);
  if (edge && !edge.node.freed) new Node(NO_GRAPH, {}, output.device, []).addOutput(handle, true);
  else if (!edge && output.requiresGrad) asLeaf(handle);
  return handle;
}

/** Stands for an output's graph: backward must not stop there unseen, with parameters behind it. */
const NO_GRAPH: OpDefinition = {
  name: "capture",
  forward: () => [],
  backward: () => {
    throw new ArgumentError(
      "backward: it reached an output of a captured function, which has no graph; call backward() inside the function, or make the output without a graph (noGrad, detach())",
    );
  },
};

function copy(encoder: GPUCommandEncoder, device: Device, source: BufferSlice, target: BufferSlice): void {
  encoder.copyBufferToBuffer(source.buffer.gpu, source.offset, target.buffer.gpu, target.offset, target.size);
  noteUse(source.buffer, runtimeOf(device).recorder.submitIndex);
  noteUse(target.buffer, runtimeOf(device).recorder.submitIndex);
  runtimeOf(device).recorder.wrote(target.buffer);
}
