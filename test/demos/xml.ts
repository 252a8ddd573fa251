/** Returns true if tags nest and close, attributes are quoted and no bare `&` is left: else an XML reader would refuse it. */
export function wellFormed(xml: string): boolean {
  const open: string[] = [];
  const tag = /<(\/?)([\w:-]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g;
  const text = xml.replace(tag, (_, close: string, name: string, __: string, self: string) => {
    if (close) {
      if (open.pop() !== name) open.push("mismatch");
    } else if (!self) {
      open.push(name);
    }
    return "";
  });
  return open.length === 0 && !text.includes("<") && !/&(?!(?:amp|lt|gt|quot|#39|#x?\w+);)/.test(xml);
}
