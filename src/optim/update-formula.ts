/** The kernel of an optimizer that is given as a formula: WGSL statements over one vector of a parameter and its state. */
import { ArgumentError, check, expected } from "../errors.ts";
import { reflect } from "../gpu/reflect.ts";
import type { Shader } from "../gpu/shader.ts";
import { optimizerLibrary } from "../gpu/shaders.generated.ts";
import type { BaseOptions, KernelSpec, OptimizerSpec } from "./optimizer-spec.ts";

/** Bindings that lib/optimizer.wgsl leaves: with its own, as many storage buffers as every adapter has. */
const STATE_BINDINGS = [4, 5, 6, 8];
/** Slots of the formula's constants in the kernel constants; `lr` and the decay come before, the step count after. */
const CONSTANT_SLOTS = ["a.z", "a.w", "b.x", "b.y", "b.z"];
/** Names that the formula's surroundings have. */
const TAKEN = ["value", "grad", "lr", "t", "decay", "before", "gradient", "constants"];

const shaders = new Map<string, Shader>();

/** The named numbers of a formula at these options: those that the host computes, and those of which it gives `1 - beta`. */
interface Constants {
  readonly plain: Readonly<Record<string, number>>;
  readonly betas: Readonly<Record<string, number>>;
}

/** Completes a formula to a kernel. Throws where names are missing, taken or too many. */
export function formulaKernel<O extends BaseOptions>(spec: OptimizerSpec<O>): KernelSpec<O> {
  const { name, defaults, weightDecay = "decoupled" } = spec;
  checkSpec(spec);
  const constantsOf = (options: O, lr: number): Constants => ({
    plain: spec.kernelConstants?.(options, lr) ?? {},
    betas: spec.biasCorrections?.(options) ?? {},
  });
  // `lr`, the only option that may have no default, is the second argument.
  const { plain, betas } = constantsOf({ ...defaults } as O, 1);
  const names = { plain: Object.keys(plain), betas: Object.keys(betas) };
  const state = (spec.stateBuffers ?? []).map((buffer) => buffer.name);
  checkNames(name, state, [...names.plain, ...names.betas]);
  return {
    name,
    shader: formulaShader(name, { update: spec.update, weightDecay, state, ...names }),
    defaults,
    stateBuffers: (spec.stateBuffers ?? []).map((buffer) => ({ ...buffer, binding: bindingName(buffer.name) })),
    check: (options) => spec.check?.(options),
    overrides: () => ({}),
    kernelConstants(options, lr) {
      const decay = weightDecay === "decoupled" ? 1 - lr * options.weightDecay : options.weightDecay;
      const now = constantsOf(options, lr);
      const values = names.plain.map((one) => constant(name, "kernelConstants", one, now.plain[one]));
      const rates = names.betas.map((one) => 1 - constant(name, "biasCorrections", one, now.betas[one]));
      return [lr, decay, ...values, ...rates];
    },
  };
}

function constant(op: string, source: string, name: string, value: unknown): number {
  check(typeof value === "number" && Number.isFinite(value), ArgumentError, () =>
    expected(op, `${source}.${name}`, "a finite number", value),
  );
  return value;
}

function checkSpec<O extends BaseOptions>({
  name,
  defaults,
  update,
  weightDecay = "decoupled",
}: OptimizerSpec<O>): void {
  check(typeof name === "string" && name !== "", ArgumentError, () =>
    expected("Optimizer", "spec.name", "the optimizer's name", name),
  );
  check(typeof update === "string", ArgumentError, () => expected(name, "spec.update", "WGSL statements", update));
  const isComplete = typeof defaults === "object" && defaults !== null && "lr" in defaults && "weightDecay" in defaults;
  check(isComplete, ArgumentError, () =>
    expected(name, "spec.defaults", "every option's default, lr and weightDecay among them", defaults),
  );
  check(weightDecay === "decoupled" || weightDecay === "l2", ArgumentError, () =>
    expected(name, "spec.weightDecay", "'decoupled' or 'l2'", weightDecay),
  );
}

function checkNames(op: string, state: readonly string[], constants: readonly string[]): void {
  check(state.length <= STATE_BINDINGS.length, ArgumentError, () =>
    expected(op, "spec.stateBuffers", `at most ${STATE_BINDINGS.length}`, state.length),
  );
  check(constants.length <= CONSTANT_SLOTS.length, ArgumentError, () =>
    expected(op, "kernelConstants and biasCorrections", `at most ${CONSTANT_SLOTS.length} numbers`, constants),
  );
  const all = [...state, ...constants];
  for (const [i, name] of all.entries()) {
    const isFree = /^[a-z]\w*$/.test(name) && !TAKEN.includes(name) && all.indexOf(name) === i;
    check(isFree, ArgumentError, () =>
      expected(op, "state and constants", `distinct WGSL names in lower case, none of ${TAKEN.join(", ")}`, name),
    );
  }
}

const bindingName = (state: string): string => `state_${state}`;

interface Formula {
  readonly update: string;
  readonly weightDecay: "decoupled" | "l2";
  readonly state: readonly string[];
  readonly plain: readonly string[];
  readonly betas: readonly string[];
}

/** The same text is the same shader: an optimizer that is made again compiles nothing. */
function formulaShader(name: string, formula: Formula): Shader {
  const code = `${optimizerLibrary}
override WORKGROUP: u32 = 64;
${formula.state.map((one, i) => `@group(0) @binding(${STATE_BINDINGS[i]}) var<storage, read_write> ${bindingName(one)}: array<vec4f>;`).join("\n")}
${updateFunction(formula)}
${entry(formula)}`;
  const key = `${name}\n${code}`;
  const known = shaders.get(key) ?? { name, code, ...reflect(code) };
  shaders.set(key, known);
  return known;
}

/** The formula as a function from one vector of value and state to the next. */
function updateFunction({ update, weightDecay, state, plain, betas }: Formula): string {
  const constants = ["lr", "t", ...plain, ...betas];
  const members = ["value", ...state];
  const [keep, added] =
    weightDecay === "decoupled" ? [" * constants.decay", ""] : ["", " + constants.decay * before.value"];
  return `struct Constants { decay: f32, ${constants.map((one) => `${one}: f32`).join(", ")} }
struct Element { ${members.map((one) => `${one}: vec4f`).join(", ")} }

fn updated(before: Element, gradient: vec4f, constants: Constants) -> Element {
  ${constants.map((one) => `let ${one} = constants.${one};`).join(" ")}
  ${state.map((one) => `var ${one} = before.${one};`).join(" ")}
  var value = before.value${keep};
  let grad = gradient${added};
  {
${update}
  }
  return Element(${members.join(", ")});
}`;
}

/** The loop over chunks. */
function entry({ state, plain, betas }: Formula): string {
  const slots = CONSTANT_SLOTS.map((slot) => `chunk.${slot}`);
  const corrections = betas.map((_, i) => `bias_correction(${slots[plain.length + i]}, t)`);
  const constants = ["chunk.a.y", "chunk.a.x", "t", ...slots.slice(0, plain.length), ...corrections];
  const loads = ["value[chunk.value + i]", ...state.map((one) => `${bindingName(one)}[chunk.state + i]`)];
  return `@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  for (var n = linear_group(wid, nwg); n < params.chunks; n += group_count(nwg)) {
    let chunk = chunk_of(n);
    let t = chunk.b.w - chunk.skipped;
    let constants = Constants(${constants.join(", ")});
    for (var i = thread; i < chunk.vectors; i += WORKGROUP) {
      let after = updated(Element(${loads.join(", ")}), grad[chunk.grad + i], constants);
      value[chunk.value + i] = after.value;
      ${state.map((one) => `${bindingName(one)}[chunk.state + i] = after.${one};`).join(" ")}
    }
  }
}
`;
}
