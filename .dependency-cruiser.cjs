// Holds the one-way imports of the source tree: each room may only look downwards.
const rooms = {
  errors: [],
  gpu: ["errors"],
  tensor: ["gpu", "errors"],
  kernels: ["tensor", "gpu", "errors"],
  autograd: ["kernels", "tensor", "gpu", "errors"],
  ops: ["autograd", "kernels", "tensor", "gpu", "errors"],
  capture: ["ops", "autograd", "kernels", "tensor", "gpu", "errors"],
  nn: ["ops", "capture", "autograd", "kernels", "tensor", "gpu", "errors"],
  data: ["nn", "ops", "capture", "autograd", "kernels", "tensor", "gpu", "errors"],
  optim: ["curvature", "nn", "ops", "capture", "autograd", "kernels", "tensor", "gpu", "errors"],
  curvature: ["nn", "ops", "capture", "autograd", "kernels", "tensor", "gpu", "errors"],
};

// Errors, the checks of arguments, the access to list elements and the table of activations are leaves that every room may use.
const room = (name) =>
  name === "errors" ? "^src/(errors|arguments|elements|plain-object|activations)\\.ts$" : `^src/${name}/`;

const downwards = Object.entries(rooms).map(([name, below]) => ({
  name: `${name}-looks-down`,
  comment: `src/${name} may import ${below.length ? below.join(", ") : "nothing"} only`,
  severity: "error",
  from: { path: room(name) },
  to: { path: "^src/", pathNot: [room(name), ...below.map(room)] },
}));

module.exports = {
  forbidden: [
    ...downwards,
    {
      name: "testing-looks-down",
      comment: "src/testing is for users: nothing of the library needs it",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/testing/" },
      to: { path: "^src/testing/" },
    },
    { name: "no-circles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-node-in-a-page",
      comment: "files named *.node.ts are all that knows Node",
      severity: "error",
      from: { path: "^src/", pathNot: "\\.node\\.ts$" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "dawn-in-one-file",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/gpu/adapter/adapter\\.node\\.ts$" },
      to: { path: "node_modules/webgpu/" },
    },
    {
      name: "no-development-packages",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev"], pathNot: "@webgpu/types" },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["source", "node", "import", "types", "default"],
      extensions: [".ts", ".js", ".d.ts"],
    },
  },
};
