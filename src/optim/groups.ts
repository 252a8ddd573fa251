/** Parameter groups: what a user may pass as an optimizer's first argument, checked and completed. */

import { anything, type Signature, signature } from "../arguments.ts";
import { edgeOf } from "../autograd/graph.ts";
import { ArgumentError, check, checkKeys, checkNumber, expected, show } from "../errors.ts";
import { isPlainObject } from "../plain-object.ts";
import { storageOf, Tensor } from "../tensor/tensor.ts";
import type { BaseOptions, GroupInput, KernelSpec, LearningRate, ParamGroup, ParamsInput } from "./optimizer-spec.ts";

/** The groups of an optimizer with every option filled in. Throws before anything is dispatched. */
export function makeGroups<O extends BaseOptions>(
  spec: KernelSpec<O>,
  input: ParamsInput<O>,
  options: Partial<O>,
): ParamGroup<O>[] {
  const { name } = spec;
  const known = Object.keys(spec.defaults);
  checkKeys(name, options, known);
  const groups = listGroups<O>(name, input).map((group) => {
    checkKeys(`${name} group`, group, ["params", ...known]);
    const params = listParams(name, group.params);
    const completed = { ...given(spec.defaults), ...given(options), ...given(group), params: Object.freeze(params) };
    // Every key of O has a default; those that have none by type are checked below.
    return completed as ParamGroup<O>;
  });
  for (const group of groups) checkGroup(spec, group);
  checkParams(
    name,
    groups.flatMap(({ params }) => params),
  );
  return groups;
}

/** The arguments of an optimizer's constructor, other than the options' domains, which each spec checks. */
export function checkConstruction(name: string, given: ArrayLike<unknown>): void {
  construction(name)(given);
}

const construction = (name: string): Signature =>
  signature(name, () => ({
    params: anything,
    options: (op, argument, value) => {
      const hint = typeof value === "number" || typeof value === "function" ? show(value) : "…";
      check(value === undefined || isPlainObject(value), ArgumentError, () =>
        expected(op, argument, `an object such as { lr: ${hint} }`, value),
      );
      if (value !== undefined) for (const one of Object.values(value)) anything(op, argument, one);
    },
  }));

/** Throws for options outside their domain. */
export function checkGroup<O extends BaseOptions>(spec: KernelSpec<O>, group: O): void {
  const { lr, weightDecay } = group;
  if (typeof lr !== "function") checkRate(spec.name, lr);
  checkNumber(spec.name, "weightDecay", weightDecay, 0);
  spec.check(group);
}

/** The learning rate of step `step`, counted from 0. */
export function rateAt(op: string, lr: LearningRate, step: number): number {
  if (typeof lr !== "function") return lr;
  const rate = lr(step);
  checkRate(`${op}: the schedule's value at step ${step}`, rate);
  return rate;
}

function checkRate(op: string, lr: unknown): void {
  check(typeof lr === "number" && Number.isFinite(lr) && lr >= 0, ArgumentError, () =>
    expected(op, "lr", "a finite number >= 0 or a schedule (step) => number", lr),
  );
}

/** Throws unless these are two numbers in [0, 1). */
export function checkBetas(op: string, betas: unknown): void {
  check(Array.isArray(betas) && betas.length === 2, ArgumentError, () => expected(op, "betas", "two numbers", betas));
  for (const beta of betas) {
    checkNumber(op, "betas", beta, 0);
    check(beta < 1, ArgumentError, () => expected(op, "betas", "numbers below 1", betas));
  }
}

export function checkFlag(op: string, argument: string, value: unknown): void {
  check(typeof value === "boolean", ArgumentError, () => expected(op, argument, "true or false", value));
}

/** The name of a parameter in messages. */
export const parameterName = (param: Tensor, index: number): string =>
  param.label ? `'${param.label}'` : `number ${index}`;

/** A group that leaves every option out. */
export const plainGroup = <O>(params: Tensor[]): GroupInput<O> => Object.assign({ params }, {} as Partial<O>);

function listGroups<O>(op: string, input: ParamsInput<O>): GroupInput<O>[] {
  const isIterable =
    typeof input === "object" && input !== null && Symbol.iterator in input && !(input instanceof Tensor);
  check(isIterable, ArgumentError, () =>
    expected(op, "params", "a list of tensors (model.parameters()) or of groups { params, … }", input),
  );
  const list = [...(input as Iterable<Tensor | GroupInput<O>>)];
  check(list.length > 0, ArgumentError, () => expected(op, "params", "at least one parameter", list));
  if (list.every((one) => one instanceof Tensor)) return [plainGroup<O>(list)];
  for (const one of list) {
    const isGroup = typeof one === "object" && one !== null && !(one instanceof Tensor) && "params" in one;
    check(isGroup, ArgumentError, () => expected(op, "params", "only tensors, or only groups { params, … }", one));
  }
  return list as GroupInput<O>[];
}

function listParams(op: string, params: unknown): Tensor[] {
  if (params instanceof Tensor) return [params];
  const isIterable = typeof params === "object" && params !== null && Symbol.iterator in params;
  check(isIterable, ArgumentError, () => expected(op, "group.params", "a list of tensors", params));
  const list = [...(params as Iterable<Tensor>)];
  for (const one of list) {
    check(one instanceof Tensor, ArgumentError, () => expected(op, "group.params", "only tensors", one));
  }
  return list;
}

function checkParams(op: string, params: readonly Tensor[]): void {
  check(params.length > 0, ArgumentError, () => expected(op, "params", "at least one parameter", []));
  const device = params[0]?.device;
  const memory = new Map<object, string>();
  params.forEach((param, i) => {
    const name = parameterName(param, i);
    param.assertLive(op);
    check(
      edgeOf(param) === undefined,
      ArgumentError,
      () => `${op}: parameter ${name} is the result of an operation; only leaves can be optimized (use detach())`,
    );
    check(param.device === device, ArgumentError, () => `${op}: parameter ${name} is on another device than the first`);
    const other = memory.get(storageOf(param));
    check(
      other === undefined,
      ArgumentError,
      () => `${op}: parameter ${name} is there twice, or shares its memory with parameter ${other}`,
    );
    memory.set(storageOf(param), name);
  });
}

/** A copy of options without those that are undefined: they count as not given. */
function given(options: object): object {
  const found = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(found.map(([key, value]) => [key, Array.isArray(value) ? [...value] : value]));
}

/** Anything with named parameters: a module. */
export interface Parametrized {
  namedParameters(): Iterable<readonly [string, Tensor]>;
}

/**
 * The parameters of a model in two groups: those with at least two dims get `weightDecay`, the others (biases, and the
 * weights of norms) none.
 */
export function decayGroups(model: Parametrized, weightDecay: number): { params: Tensor[]; weightDecay: number }[] {
  check(typeof model?.namedParameters === "function", ArgumentError, () =>
    expected("decayGroups", "model", "a module (anything with namedParameters())", show(model)),
  );
  const params = [...model.namedParameters()].map(([, param]) => param);
  const groups = [
    { params: params.filter(({ ndim }) => ndim > 1), weightDecay },
    { params: params.filter(({ ndim }) => ndim <= 1), weightDecay: 0 },
  ];
  return groups.filter((group) => group.params.length > 0);
}
