// Made while bundling: see programs.ts.
declare module "portable:tests" {
  const files: Readonly<Record<string, () => Promise<unknown>>>;
  export default files;
}
