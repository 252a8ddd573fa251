/** defineOp: a forward, its backward and its decomposition, made into one function that records itself. */
import { ArgumentError, check, DtypeError, expected } from "../errors.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { castElements } from "../kernels/elementwise/cast.ts";
import { checkHalf } from "../tensor/half.ts";
import { type Dtype, isFloat } from "../tensor/storage.ts";
import { assertReadable, Tensor } from "../tensor/tensor.ts";
import { needsCast, runAtPrecision } from "./compute-precision.ts";
import { Node } from "./graph.ts";
import { isAutocast, isGradEnabled, withMode } from "./modes.ts";
import { isObserved, observe } from "./op-observer.ts";
import type { ForwardContext, Inputs, OpDefinition, Outputs, SavedTensors } from "./op-types.ts";

/** A defined operation: called with a list of inputs and attributes, or with the inputs one by one. */
export interface Op<A extends object, O extends Outputs> {
  (inputs: Inputs, attrs?: A): O;
  (...inputs: (Tensor | undefined | A)[]): O;
  readonly definition: OpDefinition<A, O>;
}

/**
 * Makes a differentiable operation out of a forward and a backward, whose kernels may be the user's own
 * (`device.kernel`). `backward(ctx, ...gradOutputs)` returns the inputs' gradients in order. Where `S` names the saved
 * tensors, as in `defineOp<Attrs, Tensor, [x: Tensor, y: Tensor]>`, `ctx.save` takes just these and `ctx.saved` gives them.
 */
/* @__NO_SIDE_EFFECTS__ */
export function defineOp<
  A extends object = Record<string, never>,
  O extends Outputs = Tensor,
  S extends SavedTensors = readonly Tensor[],
>(given: OpDefinition<A, O, S>): Op<A, O> {
  check(typeof given?.forward === "function", ArgumentError, () =>
    expected("defineOp", "forward", "a function", given?.forward),
  );
  const definition = given.composed && !given.decomposition ? { ...given, decomposition: given.composed } : given;
  const op = (...args: unknown[]): O => {
    if (Array.isArray(args[0])) return runOp(definition, args[0], (args[1] ?? {}) as A);
    const last = args[args.length - 1];
    const hasAttrs = typeof last === "object" && last !== null && !(last instanceof Tensor);
    return runOp(definition, (hasAttrs ? args.slice(0, -1) : args) as Inputs, (hasAttrs ? last : {}) as A);
  };
  return Object.assign(op, { definition }) as Op<A, O>;
}

class Running implements ForwardContext {
  readonly name: string;
  readonly device: Device;
  readonly needsInputGrad: readonly boolean[];
  readonly inputs: Inputs;
  kept: Tensor[] = [];
  readonly temporaries: Tensor[] = [];

  constructor(name: string, device: Device, inputs: Inputs, needs: readonly boolean[]) {
    this.name = name;
    this.device = device;
    this.inputs = inputs;
    this.needsInputGrad = needs;
  }

  save(...tensors: Tensor[]): void {
    this.kept = tensors;
  }

  get needs(): readonly boolean[] {
    return this.needsInputGrad;
  }

  temporary(tensor: Tensor): Tensor {
    return this.disposeAfterForward(tensor);
  }

  disposeAfterForward(tensor: Tensor): Tensor {
    if (!this.inputs.includes(tensor)) this.temporaries.push(tensor);
    return tensor;
  }

  shapes(): string {
    return shapesOf(this.inputs);
  }
}

export function runOp<A extends object, O extends Outputs>(
  definition: OpDefinition<A, O>,
  inputs: Inputs,
  attrs: A,
): O {
  const { name } = definition;
  const device = checkInputs(name, inputs);
  const outer = runtimeOf(device).operation;
  let result: O;
  if (needsCast(definition, inputs)) {
    runtimeOf(device).operation = { name, shapes: () => shapesOf(inputs) };
    try {
      result = runAtPrecision(definition, inputs, (given) => perform(definition, device, given, attrs), cast);
    } finally {
      runtimeOf(device).operation = outer;
    }
  } else result = perform(definition, device, inputs, attrs);
  if (!outer && isObserved()) observe({ name, direction: "forward", inputs, outputs: listOf(result), leaves: inputs });
  return result;
}

/** Runs the forward on these very inputs, and writes it into the graph. */
function perform<A extends object, O extends Outputs>(
  definition: OpDefinition<A, O>,
  device: Device,
  inputs: Inputs,
  attrs: A,
): O {
  const recording = isGradEnabled() && definition.backward !== undefined && inputs.some((input) => input?.requiresGrad);
  const needs = inputs.map((input) => recording && input?.requiresGrad === true);
  const ctx = new Running(definition.name, device, inputs, needs);
  const outer = runtimeOf(device).operation;
  runtimeOf(device).operation = ctx;
  let result: O;
  try {
    // What a forward is made of is its own affair: the precision was chosen for the whole.
    result = isAutocast()
      ? withMode("autocast", false, () => definition.forward(ctx, inputs, attrs))
      : definition.forward(ctx, inputs, attrs);
  } finally {
    runtimeOf(device).operation = outer;
  }
  if (recording) attach(definition, attrs, ctx, listOf(result));
  for (const tensor of ctx.temporaries) tensor.dispose();
  return result;
}

interface CastAttrs {
  readonly dtype: Dtype;
  readonly from: Dtype;
}

const castDefinition: OpDefinition<CastAttrs, Tensor> = {
  name: "to",
  forward(ctx, [x]: [Tensor], { dtype }) {
    if (dtype === "f16") checkHalf("to", ctx.device);
    return castElements(x, dtype);
  },
  backward: (ctx, gradY: Tensor) => cast(gradY, ctx.attrs.from),
};

/** x in another dtype; gradients flow between floats. It stands here because every operation may cast its inputs. */
export const cast = (x: Tensor, dtype: Dtype): Tensor =>
  dtype === x.dtype ? x : runOp(castDefinition, [x], { dtype, from: x.dtype });

const listOf = (result: Outputs): Tensor[] => (Array.isArray(result) ? result : [result]);

const shapesOf = (inputs: Inputs): string => inputs.map((input) => (input ? `[${input.shape}]` : "none")).join(", ");

function attach(definition: OpDefinition, attrs: object, ctx: Running, outputs: Tensor[]): void {
  if (!outputs.some(({ dtype }) => isFloat(dtype))) return;
  const node = new Node(definition, attrs, ctx.device, ctx.inputs);
  node.save(ctx.kept, ctx.inputs, outputs);
  for (const output of outputs) node.addOutput(output, isFloat(output.dtype));
}

function checkInputs(name: string, inputs: Inputs): Device {
  let device: Device | undefined;
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i];
    if (input === undefined) continue;
    if (!(input instanceof Tensor)) throw new DtypeError(expected(name, `input ${i}`, "a tensor", input));
    assertReadable(input, name);
    device ??= input.device;
    if (input.device !== device) throw new ArgumentError(`${name}: input ${i} is on another device than the first`);
  }
  if (!device) throw new ArgumentError(`${name}: expected at least one tensor`);
  runtimeOf(device).assertOpen(name);
  return device;
}
