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

/** A slider beside a number: each follows the other, over the number's range unless the slider has a shorter one. */
export function pairSlider(slider: HTMLInputElement, number: HTMLInputElement): void {
  slider.min = number.min;
  slider.max ||= number.max;
  slider.step = number.step;
  slider.value = number.value;
  slider.addEventListener('input', () => {
    number.value = slider.value;
  });
  number.addEventListener('input', () => {
    slider.value = number.value;
  });
}

function expected<T extends Element>(element: Element | null, kind: Kind<T>, name: string): T {
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${kind.name} ${name}`);
}
