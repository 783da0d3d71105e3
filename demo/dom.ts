/**
 * Finding elements by what they must be: a page and a script that disagree fail at once and by name.
 */

type Kind<T extends Element> = new () => T;

/** The element with that id. */
export function byId<T extends Element>(id: string, kind: Kind<T>): T {
  return expected(document.getElementById(id), kind, `#${id}`);
}

/** The first element inside of `root` that the selector finds. */
export function within<T extends Element>(root: ParentNode, selector: string, kind: Kind<T>): T {
  return expected(root.querySelector(selector), kind, selector);
}

/** A new copy of the one element in a template. */
export function fromTemplate(id: string): HTMLElement {
  const copy = byId(id, HTMLTemplateElement).content.cloneNode(true) as DocumentFragment;
  return expected(copy.firstElementChild, HTMLElement, `#${id} > *`);
}

/** A new element with a text. */
export function textElement(tag: keyof HTMLElementTagNameMap, text: string): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

function expected<T extends Element>(element: Element | null, kind: Kind<T>, name: string): T {
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${kind.name} ${name}`);
}
