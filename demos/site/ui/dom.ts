/** Making elements. */

type Props<K extends keyof HTMLElementTagNameMap> = Partial<
  Omit<HTMLElementTagNameMap[K], "style" | "dataset" | "attributes">
> & {
  /** Attributes that are no properties, such as `aria-live`. */
  attributes?: Record<string, string>;
};

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  { attributes = {}, ...props }: Props<K> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  Object.assign(element, props);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The element of the page in which its script builds. */
export function mount(id = "app"): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

export function button(text: string, onClick: () => void, className = ""): HTMLButtonElement {
  const made = el("button", { type: "button", className }, text);
  made.addEventListener("click", onClick);
  return made;
}
