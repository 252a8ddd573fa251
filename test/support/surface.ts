/** Every function, class and method that users can call, with the kinds of its arguments. */
import * as g from "../../src/index.ts";
import { type Tensor, tensor } from "../../src/index.ts";
import * as unary from "../../src/ops/unary.ts";
import * as testing from "../../src/testing/index.ts";
import {
  bag,
  dims,
  finite,
  flag,
  fn,
  given,
  integer,
  type Kind,
  list,
  maybe,
  operand,
  orNull,
  scalar,
  sizes,
  T,
  word,
  x,
} from "./broken-values.ts";

/** A function or method, and the arguments of a valid call. */
export interface Entry {
  readonly name: string;
  readonly call: (self: never, ...args: never[]) => unknown;
  /** Made anew for each call: what a method belongs to. */
  readonly self?: () => unknown;
  readonly kinds: readonly Kind[];
  /** True when any number of arguments may follow. */
  readonly open?: boolean;
}

const table = (prefix: string, from: object, kinds: Readonly<Record<string, readonly Kind[]>>): Entry[] =>
  Object.entries(kinds).map(([name, list]) => {
    const value = (from as Record<string, unknown>)[name] as (...args: unknown[]) => unknown;
    const isClass = /^class\b/.test(Function.prototype.toString.call(value));
    const call = (_: never, ...args: never[]) => (isClass ? Reflect.construct(value, args) : value(...args));
    return { name: prefix + name, call, kinds: list };
  });

const reduction = [T, maybe(dims), bag({ keepdim: flag })];
const choice = [T, maybe(integer), bag({ keepdim: flag })];
const spread = [T, maybe(dims), bag({ keepdim: flag, correction: finite })];
const made = bag({ dtype: word("f32"), requiresGrad: flag });
const at = integer;
const index = given(() => tensor([0, 2, 1], { dtype: "i32" }), "tensor");
const indices = given(
  () =>
    tensor(
      [
        [0, 2],
        [1, 1],
        [2, 0],
      ],
      { dtype: "i32" },
    ),
  "tensor",
);
const matrix = given(() => g.ones([4, 4]), "tensor");
const image = given(() => g.ones([1, 2, 5, 5]), "tensor");
const kernel = given(() => g.ones([2, 2, 3, 3]), "tensor");
const pair = given(() => 2, "one");
const axis = given(() => -1, "one");
const named = (names: string, kinds: readonly Kind[]): Record<string, readonly Kind[]> =>
  Object.fromEntries(names.split(" ").map((name) => [name, kinds]));

const operations = table("", g, {
  ...named("add sub mul div maximum minimum eq ne lt le gt ge pow", [operand, operand]),
  ...named(Object.keys(unary).join(" "), [T]),
  ...named("t contiguous clone detach", [T]),
  ...named("leakyRelu elu", [T, maybe(finite)]),
  clamp: [
    T,
    maybe(given(() => -1, "one", "fraction", "infinity", "huge")),
    maybe(given(() => 1, "one", "infinity", "huge")),
  ],
  where: [T, operand, operand],
  to: [T, word("i32")],
  ...named("sum mean prod max min norm logsumexp", reduction),
  ...named("var std", spread),
  ...named("argmax argmin", choice),
  ...named("cumsum softmax logSoftmax unsqueeze", [T, axis]),
  flip: [T, dims],
  reshape: [T, given(() => [4, 3])],
  flatten: [T, maybe(given(() => 0, "one")), maybe(given(() => 1, "one"))],
  permute: [T, given(() => [1, 0])],
  transpose: [T, at, axis],
  squeeze: [T, maybe(axis)],
  narrow: [T, at, at, at],
  slice: [T, at, maybe(integer), maybe(integer), maybe(integer)],
  expand: [T, given(() => [2, 3, 4])],
  split: [T, given(() => 2, "one", "huge"), maybe(at)],
  chunk: [T, given(() => 2, "one", "huge"), maybe(at)],
  ...named("cat stack", [list(() => [x(), x()]), maybe(at)]),
  pad: [
    T,
    list(() => [
      [1, 1],
      [0, 2],
    ]),
    maybe({ ...scalar, takes: [...scalar.takes, "object"] }),
  ],
  matmul: [given(() => g.ones([4, 3]), "tensor"), T],
  addmm: [given(() => g.ones([4]), "tensor"), T, matrix, bag({ beta: finite, alpha: finite })],
  indexSelect: [T, at, index],
  gather: [T, at, indices],
  scatterAdd: [T, at, indices, T],
  ...named("tril triu", [T, maybe(integer)]),
  conv2d: [
    image,
    kernel,
    orNull(given(() => g.ones([2]), "tensor")),
    bag({ stride: pair, padding: given(() => "same", "one"), dilation: pair, groups: pair }),
  ],
  ...named("maxPool2d avgPool2d", [image, pair, bag({ stride: pair, padding: given(() => 1, "one") })]),
  ...named("zeros ones rand randn", [sizes, made]),
  tensor: [
    given(() => [1, 2, 3], "one", "fraction", "huge", "nan", "infinity", "boolean", "empty", "typed"),
    bag({ dtype: word("f32"), requiresGrad: flag, shape: list(() => [3]) }),
  ],
  full: [sizes, scalar, made],
  linspace: [finite, finite, given(() => 3, "one"), made],
  randint: [integer, given(() => 5, "huge"), sizes, bag({ dtype: word("i32") })],
  randperm: [given(() => 5, "one"), bag({ dtype: word("i32") })],
  eye: [given(() => 3, "one"), maybe(given(() => 2, "one", "object")), made],
  arange: [
    finite,
    maybe({ ...finite, takes: [...finite.takes, "object"] }),
    maybe({ ...given(() => 1), takes: [...finite.takes, "object"] }),
    made,
  ],
  ...named("zerosLike onesLike", [T, made]),
  einsum: [word("ij->i"), T],
});

const scalarLoss = (): Tensor => g.tensor([1, 2], { requiresGrad: true }).square().sum();
const others = table("", g, {
  backward: [
    given(scalarLoss, "tensor"),
    maybe(given(() => undefined, "null", "object", "tensor")),
    bag({ retainGraph: flag, createGraph: flag }),
  ],
  capture: [fn(() => g.ones([2])), bag({ maxRecordings: integer, check: flag })],
  autocast: [fn(() => 1), bag({ dtype: word("f16"), enabled: flag })],
  ...named("noGrad scope detectAnomaly profile tune", [fn(() => 1)]),
  keep: [T],
  manualSeed: [integer],
  currentDevice: [],
  isGradEnabled: [],
  defineOp: [given(() => ({ name: "mine", forward: () => x() }))],
  resumeOnLoss: [fn(() => 1), bag({ maxLosses: finite, onLoss: fn(() => undefined) })],
});

const label = given(() => tensor([0, 2, 1], { dtype: "i32" }), "tensor");
const spreadReduction = word("sum");
const halves = given(() => g.ones([3, 4]), "tensor");
const model = () => new g.nn.Linear(4, 2);
const layers = table("nn.", g.nn, {
  Linear: [integer, integer, bag({ bias: flag, activation: word("relu"), weightInit: fn(() => undefined) })],
  Conv2d: [
    integer,
    integer,
    pair,
    bag({ stride: pair, padding: pair, dilation: pair, groups: integer, bias: flag, weightInit: fn(() => undefined) }),
  ],
  ...named("BatchNorm1d BatchNorm2d", [
    integer,
    bag({ eps: finite, momentum: orNull(finite), affine: flag, trackRunningStats: flag }),
  ]),
  LayerNorm: [integer, bag({ eps: finite, affine: flag, bias: flag })],
  RMSNorm: [integer, bag({ eps: finite, affine: flag })],
  GroupNorm: [integer, integer, bag({ eps: finite, affine: flag })],
  Embedding: [integer, integer, bag({ paddingIdx: given(() => 0, "one"), weightInit: fn(() => undefined) })],
  Dropout: [maybe(finite)],
  ...named("ReLU GELU SiLU Tanh Sigmoid", []),
  LeakyReLU: [maybe(finite)],
  Softmax: [maybe(integer)],
  Flatten: [maybe(integer), maybe(integer)],
  ...named("MaxPool2d AvgPool2d", [pair, bag({ stride: pair, padding: given(() => 1, "one") })]),
  RNN: [
    integer,
    integer,
    bag({
      numLayers: integer,
      nonlinearity: word("relu"),
      bias: flag,
      batchFirst: flag,
      dropout: finite,
      bidirectional: flag,
      layerNorm: flag,
    }),
  ],
  ...named("LSTM GRU", [
    integer,
    integer,
    bag({ numLayers: integer, bias: flag, batchFirst: flag, dropout: finite, bidirectional: flag, layerNorm: flag }),
  ]),
  MultiheadAttention: [
    given(() => 4),
    given(() => 2, "one"),
    bag({ bias: flag, dropout: finite, batchFirst: flag, kdim: integer, vdim: integer }),
  ],
  crossEntropy: [
    T,
    label,
    bag({
      reduction: spreadReduction,
      weight: given(() => g.ones([4]), "tensor"),
      ignoreIndex: integer,
      labelSmoothing: finite,
    }),
  ],
  linearCrossEntropy: [
    T,
    given(() => g.ones([4, 4]), "tensor"),
    given(() => g.tensor([1, 0], { dtype: "i32" }), "tensor"),
    bag({
      reduction: spreadReduction,
      bias: given(() => g.ones([4]), "tensor"),
      ignoreIndex: integer,
      labelSmoothing: finite,
    }),
  ],
  nllLoss: [
    T,
    label,
    bag({ reduction: spreadReduction, weight: given(() => g.ones([4]), "tensor"), ignoreIndex: integer }),
  ],
  ...named("mseLoss l1Loss", [T, T, bag({ reduction: spreadReduction })]),
  huberLoss: [T, T, bag({ reduction: spreadReduction, delta: finite })],
  bceWithLogits: [T, halves, bag({ reduction: spreadReduction, posWeight: given(() => g.ones([4]), "tensor") })],
  linear: [
    T,
    given(() => g.ones([2, 4]), "tensor"),
    orNull(given(() => g.ones([2]), "tensor")),
    bag({ activation: word("leakyRelu"), slope: finite }),
  ],
  layerNorm: [
    T,
    given(() => 4),
    orNull(given(() => g.ones([4]), "tensor")),
    orNull(given(() => g.ones([4]), "tensor")),
    maybe(finite),
  ],
  rmsNorm: [T, given(() => 4), orNull(given(() => g.ones([4]), "tensor")), maybe(finite)],
  batchNorm: [
    T,
    ...Array.from({ length: 4 }, () => orNull(given(() => g.ones([4]), "tensor"))),
    bag({ training: flag, momentum: orNull(finite), eps: finite }),
  ],
  dropout: [T, maybe(finite), maybe(given(() => true, "boolean", "object"))],
  embedding: [index, T, bag({ paddingIdx: given(() => 0, "one") })],
  scaledDotProductAttention: [
    T,
    T,
    T,
    bag({ attnMask: given(() => g.ones([3, 3]), "tensor"), isCausal: flag, scale: finite, dropout: finite }),
  ],
  layerStatistics: [given(model), fn(() => 1), bag({ bins: integer })],
  Sequential: [given(model), given(model)],
  Module: [],
  ModuleList: [maybe(given(() => [model()], "empty"))],
  ModuleDict: [maybe(given(() => ({ left: model() }), "empty", "object"))],
});

const inits = table("nn.init.", g.nn.init, {
  ...named("xavierUniform xavierNormal orthogonal", [bag({ gain: finite })]),
  ...named("heUniform heNormal kaimingUniform kaimingNormal", [
    bag({ mode: word("fanOut"), nonlinearity: word("relu"), a: finite }),
  ]),
  ...named("lecunNormal torchDefault zeros ones", []),
  ...named("uniform normal", [maybe(given(() => 0, "one", "fraction", "huge")), maybe(finite)]),
  truncNormal: [maybe(finite), maybe(finite), maybe(given(() => -2, "one", "fraction")), maybe(finite)],
  constant: [finite],
  calculateGain: [word("relu"), maybe(finite)],
  fans: [given(() => [3, 4])],
  describe: [given(model)],
});

/** A rate, or a schedule of them. */
const rate = { ...finite, takes: [...finite.takes, "function"] };
const params = given(() => [g.ones([2, 2], { requiresGrad: true })], "tensor");
const betas = given(() => [0.9, 0.99]);
const optimizers = table("optim.", g.optim, {
  SGD: [
    params,
    bag(
      {
        lr: rate,
        momentum: finite,
        dampening: given(() => 0, "one", "fraction", "huge"),
        nesterov: flag,
        weightDecay: finite,
      },
      true,
    ),
  ],
  ...named("Adam AdamW", [params, bag({ lr: rate, betas, eps: finite, weightDecay: finite, amsgrad: flag })]),
  Lion: [params, bag({ lr: rate, betas, weightDecay: finite })],
  AdaGrad: [
    params,
    bag({ lr: rate, lrDecay: finite, weightDecay: finite, initialAccumulatorValue: finite, eps: finite }),
  ],
  RMSProp: [
    params,
    bag({ lr: rate, alpha: finite, eps: finite, weightDecay: finite, momentum: finite, centered: flag }),
  ],
  Muon: [params, bag({ lr: rate, momentum: finite, nesterov: flag, nsSteps: given(() => 5, "one") })],
  Shampoo: [params, bag({ lr: rate, momentum: finite, every: integer, blockSize: integer })],
  DiagonalNewton: [params, bag({ lr: rate, every: integer, samples: integer, estimator: word("bartlett") })],
  GradScaler: [
    bag({
      initScale: given(() => 2, "one", "huge"),
      growthFactor: given(() => 2, "huge"),
      backoffFactor: finite,
      growthInterval: integer,
      enabled: flag,
    }),
  ],
  clipGradNorm: [
    params,
    { ...finite, takes: [...finite.takes, "infinity"] },
    bag({ normType: given(() => 2, "one", "infinity", "huge") }),
  ],
  clipGradValue: [params, { ...finite, takes: [...finite.takes, "infinity"] }],
  decayGroups: [given(model), finite],
});
const schedule = given(() => 0.1, "one", "huge", "function");
const schedules = table("optim.schedule.", g.optim.schedule, {
  constant: [finite],
  ...named("cosine linear", [
    bag(
      {
        peak: given(() => 1, "one", "huge"),
        total: given(() => 5, "one", "huge"),
        warmup: given(() => 1, "one"),
        floor: finite,
      },
      true,
    ),
  ]),
  step: [bag({ lr: finite, stepSize: integer, gamma: finite }, true)],
  exponential: [bag({ lr: finite, gamma: finite }, true)],
  oneCycle: [
    bag(
      {
        maxLr: finite,
        totalSteps: given(() => 5, "huge"),
        pctStart: finite,
        annealStrategy: word("linear"),
        divFactor: finite,
        finalDivFactor: finite,
      },
      true,
    ),
  ],
  warmup: [bag({ steps: integer, after: schedule }, true)],
});

const bytes = given(() => new Uint8Array(16), "typed");
const files = table("data.", g.data, {
  DataLoader: [
    list(() => [g.ones([4, 2])]),
    bag({ batchSize: integer, shuffle: flag, dropLast: flag, seed: given(() => 1, "one", "huge") }),
  ],
  ...named("idxLabels safetensorsMetadata", [bytes]),
  idxImages: [bytes, bag({ flatten: flag })],
  standardize: [T, bag({ dim: dims })],
  saveSafetensors: [given(() => ({ a: x() }), "object"), maybe(given(() => ({ a: "b" }), "object"))],
  loadSafetensors: [bytes, bag({})],
  saveCheckpoint: [given(() => ({ model: model() }))],
  loadCheckpoint: [bytes, given(() => ({ model: model() }))],
});

/** Below what is no folder, so that no call writes a file. */
const nowhere = (path: unknown) => (typeof path === "string" ? `/dev/null/${path}` : path);
const checkpoints = (["readCheckpoint", "writeCheckpoint"] as const).map((name): Entry => {
  const run = g.data[name] as (...args: unknown[]) => unknown;
  return {
    name: `data.${name}`,
    call: (_: never, path: unknown, ...rest: unknown[]) => run(nowhere(path), ...rest),
    kinds: [word("none"), given(() => ({ model: model() }))],
  };
});

const weights = () => g.ones([2], { requiresGrad: true });
const lossOf = () => scalarLoss();
const w = given(() => [weights()]);
const curvatures = table("curvature.", g.curvature, {
  hessianVectorProduct: [fn(lossOf), w, w],
  gaussNewtonProduct: [fn(lossOf), fn(lossOf), w, w],
  hessianDiagonal: [fn(lossOf), w, bag({ samples: integer })],
  bartlettDiagonal: [fn(lossOf), w],
  hessianExtremes: [fn(lossOf), w, bag({ steps: integer, damping: finite })],
  conditionNumber: [fn(lossOf), w, bag({ steps: integer, damping: finite })],
  lossSmoothness: [fn(lossOf), w, bag({ stepSizes: list(() => [0.1]) }, true)],
  internalCovariateShift: [fn(lossOf), list(() => [[weights()], [weights()]]), bag({ lr: finite }, true)],
  newtonSketch: [bag({ x: T, y: given(() => g.ones([3]), "tensor"), model: word("linear") }, true)],
});
const tests = table("testing.", testing, {
  assertClose: [given(() => [1, 2]), given(() => [1, 2]), bag({ atol: finite, rtol: finite, equalNan: flag })],
  assertNoLeak: [fn(() => undefined)],
  ...named("gradcheck gradgradcheck", [fn(lossOf), w, bag({ eps: finite, atol: finite, rtol: finite })]),
  runShader: [bag({ wgsl: word("nonsense"), bindings: given(() => ({})) }, true)],
});

/** Methods: the functions of that name without their first argument, and those that only tensors have. */
const methods: Entry[] = operations
  .filter(
    ({ name }) =>
      name in g.Tensor.prototype && name !== "where" && name !== "cat" && name !== "stack" && name !== "einsum",
  )
  .filter(({ kinds }) => kinds[0]?.takes.includes("tensor"))
  .map(({ name, kinds }) => method(name, kinds.slice(1), () => kinds[0]?.value() as Tensor));

function method(name: string, kinds: readonly Kind[], self: () => Tensor = x): Entry {
  const call = (tensor: never, ...args: never[]) =>
    (tensor as Record<string, (...args: unknown[]) => unknown>)[name]?.call(tensor, ...args);
  return { name: `Tensor.${name}`, call, self, kinds };
}

const ownMethods = [
  ...["data", "tolist"].map((name) => method(name, [])),
  method("item", [], () => g.ones([])),
  method(
    "backward",
    [maybe(given(() => undefined, "null", "object", "tensor")), bag({ retainGraph: flag, createGraph: flag })],
    scalarLoss,
  ),
  method("copy_", [T]),
  method("fill_", [scalar]),
  method("cat", [given(() => [x()], "empty"), maybe(at)]),
  method("stack", [given(() => [x()], "empty"), maybe(at)]),
  method("where", [operand, operand]),
];

const forward = (name: string, make: () => g.nn.Module, kinds: readonly Kind[]): Entry => ({
  name: `nn.${name}.forward`,
  call: (module: never, ...args: never[]) => (module as g.nn.Module).forward(...args),
  self: make,
  kinds,
});
const { nn } = g;
const sequence = given(() => g.ones([2, 1, 3]), "tensor");
const state = given(() => g.ones([1, 1, 2]), "tensor");
const forwards = [
  forward("Linear", model, [T]),
  forward("Conv2d", () => new nn.Conv2d(2, 2, 3), [image]),
  forward("BatchNorm1d", () => new nn.BatchNorm1d(4), [T]),
  forward("BatchNorm2d", () => new nn.BatchNorm2d(2), [image]),
  forward("LayerNorm", () => new nn.LayerNorm(4), [T]),
  forward("RMSNorm", () => new nn.RMSNorm(4), [T]),
  forward("GroupNorm", () => new nn.GroupNorm(2, 2), [image]),
  forward("Embedding", () => new nn.Embedding(3, 2), [index]),
  forward("Dropout", () => new nn.Dropout(0), [T]),
  ...(["ReLU", "GELU", "SiLU", "Tanh", "Sigmoid"] as const).map((name) => forward(name, () => new nn[name](), [T])),
  forward("Softmax", () => new nn.Softmax(), [T]),
  forward("Flatten", () => new nn.Flatten(), [T]),
  forward("MaxPool2d", () => new nn.MaxPool2d(2), [image]),
  forward("AvgPool2d", () => new nn.AvgPool2d(2), [image]),
  forward("RNN", () => new nn.RNN(3, 2), [sequence, maybe(state)]),
  forward("GRU", () => new nn.GRU(3, 2), [sequence, maybe(state)]),
  forward("LSTM", () => new nn.LSTM(3, 2), [sequence, maybe(list(() => [g.ones([1, 1, 2]), g.ones([1, 1, 2])]))]),
  forward("MultiheadAttention", () => new nn.MultiheadAttention(4, 2), [
    T,
    T,
    T,
    bag({ isCausal: flag, needWeights: flag, averageAttnWeights: flag }),
  ]),
  forward("Sequential", () => new nn.Sequential(model()), [T]),
];

export const surface: readonly Entry[] = [
  ...operations,
  ...others,
  ...layers,
  ...inits,
  ...optimizers,
  ...schedules,
  ...files,
  ...checkpoints,
  ...curvatures,
  ...tests,
  ...methods,
  ...ownMethods,
  ...forwards,
].map((entry) => (/^(nn\.Sequential|nn\.Module|einsum)$/.test(entry.name) ? { ...entry, open: true } : entry));
