/**
 * WGSL for the package: nothing that only people need, and short names for what no program asks for by name. Names are given
 * over all shaders together, so that a function which several of them import is the same text in each.
 */
import { reflect, stripComments } from "../src/gpu/reflect.ts";

const WORD = /[A-Za-z_]\w*/;
const NUMBER = /0[xX][\da-fA-F]+[iu]?|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[iufh]?/;
const OPERATOR = /->|<<=|>>=|[-+*/%&|^=!<>]=|&&|\|\||\+\+|--|<<|>>|[^\s\w]/;
const SWIZZLE = /^([xyzw]{1,4}|[rgba]{1,4})$/;
const TOKEN = new RegExp([WORD, NUMBER, OPERATOR].map(({ source }) => source).join("|"), "g");

/** Names at module scope get capitals and names in functions do not, so that none hides another. */
const CAPITALS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const LETTERS = [..."abcdefghijklmnopqrstuvwxyz"];
/** WGSL's own words of two letters. */
const RESERVED = ["as", "do", "fn", "if"];

/** One declaration at module scope, and the names that it makes there, in itself as a struct, in itself as a function. */
interface Declaration {
  readonly tokens: readonly string[];
  readonly global: readonly string[];
  readonly members: readonly string[];
  readonly locals: readonly string[];
}

type Renaming = ReadonlyMap<string, string>;
interface Names {
  readonly globals: Renaming;
  readonly members: Renaming;
  readonly kept: ReadonlySet<string>;
}

export const tokensOf = (wgsl: string): string[] => stripComments(wgsl).match(TOKEN) ?? [];

/** The declarations of each shader, and those of the libraries, whose own names stay. */
export function minify(
  shaders: readonly string[],
  libraries: readonly string[],
): { shaders: string[][]; libraries: string[][] } {
  const modules = [...shaders, ...libraries].map((wgsl) => declarationsOf(tokensOf(wgsl)));
  const library = modules.slice(shaders.length).flat();
  const known = shaders.map((wgsl) => reflect(wgsl));
  const kept = new Set([
    ...library.flatMap(({ global }) => global),
    ...known.flatMap(({ entry, workgroupSize }) => [entry, ...workgroupSize.map(String)]),
    ...known.flatMap(({ bindings, overrides }) => [...namesOf(bindings), ...namesOf(overrides)]),
  ]);
  const all = modules.flat();
  const uses = new Map<string, number>();
  for (const token of all.flatMap(({ tokens }) => tokens)) uses.set(token, (uses.get(token) ?? 0) + 1);
  const shorten = (
    made: readonly string[],
    stay: ReadonlySet<string>,
    letters: readonly string[],
    isFree?: (name: string) => boolean,
  ): Renaming => {
    const often = [...new Set(made)].filter((name) => !stay.has(name));
    often.sort((a, b) => (uses.get(b) as number) - (uses.get(a) as number));
    return renaming(often, stay, letters, isFree);
  };
  const globals = all.flatMap(({ global }) => global);
  const members = all.flatMap((one) => one.members);
  // A member that is called as components of vectors are cannot be told from them, and no other may come to be called so.
  const params = new Set([
    ...library.flatMap((one) => one.members),
    ...known.flatMap((one) => namesOf(one.params)),
    ...members.filter((name) => SWIZZLE.test(name)),
  ]);
  const isMember = (name: string) => !SWIZZLE.test(name);
  const names = {
    globals: shorten(globals, kept, CAPITALS),
    members: shorten(members, params, LETTERS, isMember),
    kept,
  };
  const beside = neighbours(modules);
  const texts = modules.map((declarations) =>
    declarations.map((one) => textOf(one, names, beside.get(one.tokens.join(" ")) as ReadonlySet<string>)),
  );
  return { shaders: texts.slice(0, shaders.length), libraries: texts.slice(shaders.length) };
}

/** The names at module scope of all modules that have a declaration, by declaration: its own names must not hide these. */
function neighbours(modules: readonly (readonly Declaration[])[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const declarations of modules) {
    const globals = declarations.flatMap(({ global }) => global);
    for (const { tokens } of declarations) {
      const key = tokens.join(" ");
      found.set(key, new Set([...(found.get(key) ?? []), ...globals]));
    }
  }
  return found;
}

const namesOf = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name);

/** One letter each, then two, without names that mean something else. */
function renaming(
  names: readonly string[],
  taken: ReadonlySet<string>,
  letters: readonly string[],
  isFree = (_: string) => true,
): Renaming {
  const pairs = letters.flatMap((first) => LETTERS.map((second) => first + second));
  const free = [...letters, ...pairs].filter((name) => !taken.has(name) && !RESERVED.includes(name) && isFree(name));
  if (names.length > free.length) throw new Error(`minify: ${names.length} names, but only ${free.length} short ones`);
  return new Map(names.map((name, i) => [name, free[i] as string]));
}

/** Each ends in `;` or `}` outside all braces. */
function declarationsOf(tokens: readonly string[]): Declaration[] {
  const found: Declaration[] = [];
  let depth = 0;
  let start = 0;
  tokens.forEach((token, i) => {
    if (token === "{") depth++;
    if (token === "}") depth--;
    if (depth > 0 || (token !== ";" && token !== "}")) return;
    found.push(declaration(tokens.slice(start, i + 1)));
    start = i + 1;
  });
  return found;
}

function declaration(tokens: readonly string[]): Declaration {
  const kind = tokens.find((token) => /^(fn|struct|alias|const|override|var)$/.test(token));
  const global = kind ? [nameAfter(tokens, tokens.indexOf(kind))] : [];
  if (kind === "struct") return { tokens, global, members: beforeColons(tokens), locals: [] };
  if (kind !== "fn") return { tokens, global, members: [], locals: [] };
  const parameters = beforeColons(tokens.slice(0, tokens.indexOf("{")));
  const variables = tokens.flatMap((token, i) => (/^(let|var|const)$/.test(token) ? nameAfter(tokens, i) : []));
  return { tokens, global, members: [], locals: [...new Set([...parameters, ...variables])] };
}

/** The name behind a keyword, and behind `var`'s template list if it has one. */
const nameAfter = (tokens: readonly string[], at: number): string =>
  tokens[tokens[at + 1] === "<" ? tokens.indexOf(">", at) + 1 : at + 1] as string;

const beforeColons = (tokens: readonly string[]): string[] =>
  tokens.filter((token, i) => tokens[i + 1] === ":" && /^[A-Za-z_]/.test(token));

function textOf({ tokens, members, locals }: Declaration, names: Names, beside: ReadonlySet<string>): string {
  const { globals, kept } = names;
  const own = renaming(
    locals.filter((name) => !beside.has(name)),
    kept,
    LETTERS,
  );
  const words = tokens.map((token, i) => {
    const before = tokens[i - 1];
    if (before === "." || (members.length > 0 && tokens[i + 1] === ":")) return names.members.get(token) ?? token;
    // An attribute and the argument of @builtin() are words of WGSL's.
    if (before === "@" || (before === "(" && tokens[i - 2] === "builtin")) return token;
    return own.get(token) ?? globals.get(token) ?? shortNumber(token);
  });
  return words.filter((word, i) => word !== "," || !/^[)}]$/.test(words[i + 1] ?? "")).reduce(joined, "");
}

/** `0.50` as `.5`, `1.0` as `1.`: the point stays, since it tells f32 from integers. */
const shortNumber = (token: string): string =>
  /^\d+\.\d/.test(token) ? token.replace(/(?<=\.\d*?)0+(?!\d)/, "").replace(/^0(?=\.\d)/, "") : token;

/** With a space only where two tokens would become others. */
function joined(text: string, token: string): string {
  const last = /\w+$|[^\w]$/.exec(text)?.[0] ?? "";
  return last === "" || (last + token).match(TOKEN)?.[0] === last ? text + token : `${text} ${token}`;
}
