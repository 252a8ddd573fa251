/** Writes dist/: ES modules with types from tsc, and all of them in one minified file for <script type="module">. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";
import ts from "typescript";
import { linkShaders } from "./link-shaders.ts";
import { shaderModule } from "./shader-module.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
if (!emitModules()) process.exit(1);
await minifyShaders();
await build({
  input: join(dist, "index.js"),
  platform: "browser",
  output: {
    file: join(dist, "gradwell.min.js"),
    format: "esm",
    codeSplitting: false,
    comments: false,
    // Messages and summaries name layers by their classes.
    minify: { compress: true, codegen: true, mangle: { keepNames: { class: true, function: false } } },
    sourcemap: true,
  },
});

/** Writes the modules with their types; false, and the errors printed, where there are any. */
function emitModules(): boolean {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: report };
  const config = ts.getParsedCommandLineOfConfigFile(join(root, "tsconfig.build.json"), {}, host);
  if (!config) return false;
  const program = ts.createProgram(config.fileNames, config.options);
  const errors = [...config.errors, ...ts.getPreEmitDiagnostics(program)];
  errors.forEach(report);
  if (errors.length > 0) return false;
  const before = [markPure(program)];
  return !program.emit(undefined, undefined, undefined, false, { before }).emitSkipped;
}

function report(error: ts.Diagnostic): void {
  const names = {
    getCanonicalFileName: (name: string) => name,
    getCurrentDirectory: () => root,
    getNewLine: () => "\n",
  };
  process.stderr.write(ts.formatDiagnostic(error, names));
}

/**
 * Marks calls at module scope of functions that are declared without side effects as pure. Rolldown carries the
 * declaration over to other modules; esbuild and webpack know only the mark at the call, and would keep every operation of
 * a module that has one in use.
 */
function markPure(program: ts.Program): ts.TransformerFactory<ts.SourceFile> {
  const declared =
    /@__NO_SIDE_EFFECTS__ \*\/\s+(?:export )?(?:function|const) (\w+)|(\w+) = \/\* @__NO_SIDE_EFFECTS__/g;
  const sources = program.getSourceFiles().filter((file) => !file.isDeclarationFile);
  const pure = new Set(
    sources.flatMap(({ text }) => [...text.matchAll(declared)].map(([, one, other]) => one ?? other)),
  );
  return (context) => {
    const mark = (node: ts.Node): ts.Node => {
      if (ts.isFunctionLike(node)) return node;
      const copy = ts.visitEachChild(node, mark, context);
      const isPure = ts.isCallExpression(node) && ts.isIdentifier(node.expression) && pure.has(node.expression.text);
      if (!isPure || /@__PURE__/.test(node.getFullText().slice(0, node.getLeadingTriviaWidth()))) return copy;
      return ts.addSyntheticLeadingComment(copy, ts.SyntaxKind.MultiLineCommentTrivia, " @__PURE__ ");
    };
    return (file) => ts.visitEachChild(file, mark, context);
  };
}

/** The package's shaders are for machines; src/ in the package has them for people. */
async function minifyShaders(): Promise<void> {
  const { shaders, libraries } = await linkShaders();
  const text = shaderModule(shaders, libraries, { minified: true });
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    rewriteRelativeImportExtensions: true,
  };
  const { outputText } = ts.transpileModule(text, { compilerOptions });
  const target = join(dist, "gpu/shaders.generated.js");
  writeFileSync(target, outputText);
  rmSync(`${target}.map`);
}
