/**
 * jax-js: every piece of work is one function under `jit`, optimizer included; only the small eager additions are not.
 * A function owns its arguments: `x.ref` is passed where x is needed again.
 */
import { createRequire } from "node:module";
import * as jax from "@jax-js/jax";
import { CPU, installWebGpu } from "../adapter.ts";
import { type Library, type Running, Unsupported } from "../library.ts";
import { ADAM, type Arrays, EPS, layersOf, type Work } from "../work.ts";

const { numpy: np, nn, jit, vjp, valueAndGrad, blockUntilReady } = jax;
// biome-ignore lint/suspicious/noExplicitAny: the types of jax-js are only there when the peers are installed.
type JaxArray = any;
type Of<K extends Work["kind"]> = Work & { kind: K };

export async function open(device: "webgpu" | "wasm"): Promise<Library> {
  const adapter = device === "webgpu" ? installWebGpu() : () => CPU;
  await jax.init(device);
  jax.defaultDevice(device);
  return {
    version: versionOf(),
    device: adapter(),
    prepare: async (work, inputs) => running(stepOf(work, inputs)),
    close: async () => undefined,
  };
}

export function versionOf(): string {
  const entry = createRequire(import.meta.url).resolve("@jax-js/jax");
  return createRequire(entry)("../package.json").version;
}

interface Step {
  /** From the state to the new state and outputs; takes ownership of the state. */
  run: (state: JaxArray[]) => { state: JaxArray[]; outputs: Record<string, JaxArray> };
  state?: JaxArray[];
  /** Values by name, where the outputs alone do not say it. */
  results?: (state: JaxArray[]) => Promise<Record<string, Float32Array>>;
}

function running(step: Step): Running {
  let state = step.state ?? [];
  let outputs: Record<string, JaxArray> = {};
  const dispose = () => {
    for (const array of Object.values(outputs)) array.dispose();
  };
  return {
    run() {
      dispose();
      ({ state, outputs } = step.run(state));
    },
    sync: () => blockUntilReady([...state, ...Object.values(outputs)]),
    async results() {
      const entries = Object.entries(outputs).map(async ([name, array]) => [name, await array.ref.data()] as const);
      return { ...Object.fromEntries(await Promise.all(entries)), ...(await step.results?.(state)) };
    },
    dispose() {
      dispose();
      for (const array of state) array.dispose();
    },
  };
}

function stepOf(work: Work, inputs: Arrays): Step {
  switch (work.kind) {
    case "matmul":
      return matmulStep(work, inputs);
    case "layerNorm":
    case "batchNorm":
      return normStep(work, inputs);
    case "crossEntropy": {
      const logits = array(inputs.logits, [work.rows, work.classes]);
      const labels = array(inputs.labels);
      const fn = jit(valueAndGrad((x: JaxArray, y: JaxArray) => crossEntropy(x, y, work.classes)));
      return stateless(() => fn(logits.ref, labels.ref), ["loss", "gradLogits"]);
    }
    case "adam":
      return adamStep(work, inputs);
    case "mlp":
      if (work.eager) throw new Unsupported("jit is how jax-js is used");
      return mlpStep(work, inputs);
    case "add": {
      if (work.raw) throw new Unsupported("the loop without a library is measured once");
      const [a, b] = [array(inputs.a), array(inputs.b)];
      return stateless(() => {
        let y = a.ref;
        for (let i = 0; i < work.repeats; i++) y = y.add(b.ref);
        return [y];
      }, ["y"]);
    }
  }
}

function array(values: Arrays[string] | undefined, shape?: number[]): JaxArray {
  const made = np.array(values, values instanceof Int32Array ? { dtype: np.int32 } : undefined);
  return shape ? made.reshape(shape) : made;
}

function stateless(fn: () => JaxArray[], names: string[]): Step {
  return {
    run: () => {
      const values = fn();
      return { state: [], outputs: Object.fromEntries(names.map((name, i) => [name, values[i]])) };
    },
  };
}

function matmulStep({ form, m, n, k }: Of<"matmul">, inputs: Arrays): Step {
  const a = array(inputs.a, form === "tn" ? [k, m] : [m, k]);
  const b = array(inputs.b, form === "nt" ? [n, k] : [k, n]);
  const fn = jit((x: JaxArray, y: JaxArray) =>
    np.matmul(form === "tn" ? np.transpose(x) : x, form === "nt" ? np.transpose(y) : y),
  );
  return stateless(() => [fn(a.ref, b.ref)], ["y"]);
}

function normStep({ kind, shape }: Of<"layerNorm" | "batchNorm">, inputs: Arrays): Step {
  const axes = kind === "layerNorm" ? [1] : shape.map((_, i) => i).filter((i) => i !== 1);
  const perFeature = shape.map((size, i) => (i === 1 ? size : 1));
  const mean = (x: JaxArray) => x.mean(axes, { keepdims: true });
  const normalize = (x: JaxArray, weight: JaxArray, bias: JaxArray) => {
    const centered = x.ref.sub(mean(x));
    const variance = mean(np.square(centered.ref));
    const normed = centered.div(np.sqrt(variance.add(EPS)));
    return normed.mul(weight.reshape(perFeature)).add(bias.reshape(perFeature));
  };
  const fn = jit((x: JaxArray, weight: JaxArray, bias: JaxArray, gradY: JaxArray) => {
    const [y, pullback] = vjp(normalize, [x, weight, bias]);
    const grads = pullback(gradY);
    pullback.dispose();
    return [y, ...grads];
  });
  const [x, gradY] = [array(inputs.x, shape), array(inputs.gradY, shape)];
  const [weight, bias] = [array(inputs.weight), array(inputs.bias)];
  return stateless(() => fn(x.ref, weight.ref, bias.ref, gradY.ref), ["y", "gradX", "gradWeight", "gradBias"]);
}

function crossEntropy(logits: JaxArray, labels: JaxArray, classes: number): JaxArray {
  return nn.logSoftmax(logits).mul(nn.oneHot(labels, classes)).sum(-1).mean().neg();
}

/** The update of one array, to be traced inside a jit. `rates` holds lr / (1 - beta1^t) and 1 / sqrt(1 - beta2^t). */
export function adam(
  param: JaxArray,
  first: JaxArray,
  second: JaxArray,
  grad: JaxArray,
  rates: JaxArray[],
): JaxArray[] {
  const { beta1, beta2, eps } = ADAM;
  const newFirst = first.mul(beta1).add(grad.ref.mul(1 - beta1));
  const newSecond = second.mul(beta2).add(np.square(grad).mul(1 - beta2));
  const [rate, root] = rates as [JaxArray, JaxArray];
  const update = newFirst.ref.mul(rate).div(np.sqrt(newSecond.ref).mul(root).add(eps));
  return [param.sub(update), newFirst, newSecond];
}

/** Numbers that change per step are arrays, or jit would trace anew. */
export function ratesAt(t: number, lr: number = ADAM.lr): JaxArray[] {
  const { beta1, beta2 } = ADAM;
  return [np.array(lr / (1 - beta1 ** t)), np.array(1 / Math.sqrt(1 - beta2 ** t))];
}

function adamAll(state: JaxArray[][], grads: JaxArray[], rates: JaxArray[]): JaxArray[][] {
  const updated = state.map(([param, first, second], i) =>
    adam(
      param,
      first,
      second,
      grads[i],
      rates.map((rate) => rate.ref),
    ),
  );
  for (const rate of rates) rate.dispose();
  return updated;
}

const withMoments = (param: JaxArray) => [param, np.zeros(param.shape), np.zeros(param.shape)];
const pairUp = (flat: JaxArray[]) => Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(3 * i, 3 * i + 3));

function adamStep({ tensors, size }: Of<"adam">, inputs: Arrays): Step {
  const part = (name: string, i: number) => array(inputs[name]?.slice(i * size, (i + 1) * size));
  const grads = Array.from({ length: tensors }, (_, i) => part("grad", i));
  const fn = jit(adamAll);
  let t = 0;
  return {
    state: Array.from({ length: tensors }, (_, i) => withMoments(part("param", i))).flat(),
    run: (state) => ({
      state: fn(
        pairUp(state),
        grads.map((grad) => grad.ref),
        ratesAt(++t),
      ).flat(),
      outputs: {},
    }),
    async results(state) {
      const values = pairUp(state).map(async ([param], i) => [`param${i}`, await param.ref.data()] as const);
      return Object.fromEntries(await Promise.all(values));
    },
  };
}

function mlpStep({ widths, batch }: Of<"mlp">, inputs: Arrays): Step {
  const layers = layersOf(widths);
  const classes = widths.at(-1) as number;
  const [x, labels] = [array(inputs.x, [batch, widths[0] as number]), array(inputs.labels)];
  // (in, out), as is usual there: one row of the product reads whole rows of the weight.
  const start = layers.flatMap(([fanIn, fanOut], i) => [
    np.transpose(array(inputs[`weight${i}`], [fanOut, fanIn])),
    array(inputs[`bias${i}`]),
  ]);
  const lossOf = (params: JaxArray[], input: JaxArray, target: JaxArray) => {
    let hidden = input;
    for (let i = 0; i < params.length; i += 2) {
      hidden = np.matmul(hidden, params[i]).add(params[i + 1]);
      if (i < params.length - 2) hidden = nn.relu(hidden);
    }
    return crossEntropy(hidden, target, classes);
  };
  const fn = jit((state: JaxArray[][], input: JaxArray, target: JaxArray, rates: JaxArray[]) => {
    const [loss, grads] = valueAndGrad(lossOf)(
      state.map(([param]) => param.ref),
      input,
      target,
    );
    return [loss, adamAll(state, grads, rates)];
  });
  let t = 0;
  return {
    state: start.flatMap(withMoments),
    run(state) {
      const [loss, next] = fn(pairUp(state), x.ref, labels.ref, ratesAt(++t));
      return { state: next.flat(), outputs: { loss } };
    },
    async results(state) {
      const params = pairUp(state).map(([param]) => param);
      const named: [string, Float32Array][] = [];
      for (const i of layers.keys()) {
        named.push(
          [`weight${i}`, await np.transpose(params[2 * i].ref).data()],
          [`bias${i}`, await params[2 * i + 1].ref.data()],
        );
      }
      return Object.fromEntries(named);
    },
  };
}
