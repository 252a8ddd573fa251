/** Runs the nodes of a model one after the other. */
import { Call } from "./call.ts";
import { operators } from "./operators/index.ts";
import type { Model } from "./proto.ts";
import { computed, dtypeOf, given, leaveOut, type Value } from "./value.ts";

/** The values of the model's outputs. `inputs` belong to the graph's inputs by their order. */
export async function runModel({ graph }: Model, inputs: readonly Value[]): Promise<Value[]> {
  const missing = graph.nodes.map(({ op }) => op).filter((op) => !operators[op]);
  if (missing.length > 0) leaveOut(`not in the surface: ${[...new Set(missing)].join(", ")}`);
  for (const { type } of [...graph.inputs, ...graph.outputs]) dtypeOf(type);
  const values = new Map(graph.initializers.map((tensor) => [tensor.name, given(tensor)]));
  for (const [i, input] of inputs.entries()) values.set(graph.inputs[i]!.name, input);
  for (const node of graph.nodes) {
    const call = new Call(
      node,
      node.inputs.map((name) => values.get(name)),
    );
    const results = [await operators[node.op]!(call)].flat();
    for (const [i, result] of results.entries()) if (call.wants(i)) values.set(node.outputs[i]!, computed(result));
  }
  return graph.outputs.map(({ name }) => {
    const value = values.get(name);
    if (!value) throw new Error(`the graph gives no output ${name}`);
    return value;
  });
}
