/**
 * What was wrong with a request, said beside the fields it is about, and below the button where it is about none.
 */

import type { ErrorBody } from '../src/index.ts';
import { byId } from './dom.ts';

/** Fields of the request that the page shows as another one. */
const SHOWN_AS: Readonly<Record<string, string>> = { width: 'size', height: 'size' };

/** Shows an error and puts the focus on the first field that it names. */
export function showError(message: ErrorBody['message']): void {
  if (typeof message === 'string') {
    showAlert(message);
    return;
  }
  const homeless: string[] = [];
  let first: HTMLElement | undefined;
  for (const [name, sentences] of Object.entries(message)) {
    const field = SHOWN_AS[name] ?? name;
    const place = document.getElementById(`${field}-error`);
    if (place === null) {
      homeless.push(...sentences);
      continue;
    }
    place.textContent = sentences.map(sentence).join(' ');
    place.hidden = false;
    const control = controlOf(field);
    control?.setAttribute('aria-invalid', 'true');
    control?.setAttribute('aria-describedby', place.id);
    first ??= control;
  }
  if (homeless.length > 0) showAlert(homeless.join(' '));
  reveal(first);
}

/** Shows what is wrong with no field in particular. */
export function showAlert(message: string): void {
  const alert = byId('alert', HTMLElement);
  alert.textContent = sentence(message);
  alert.hidden = false;
}

/** Takes back what was said of a field, or of everything. */
export function clearErrors(field?: string): void {
  const selector = field === undefined ? '.field .error, #alert' : `#${field}-error`;
  for (const place of document.querySelectorAll<HTMLElement>(selector)) {
    place.hidden = true;
    place.textContent = '';
  }
  const invalid = field === undefined ? '[aria-invalid]' : `[aria-describedby="${field}-error"]`;
  for (const control of document.querySelectorAll(invalid)) {
    control.removeAttribute('aria-invalid');
    control.removeAttribute('aria-describedby');
  }
}

function controlOf(field: string): HTMLElement | undefined {
  const inField = `[data-field="${field}"] :is(button:not([hidden]), input:is([type=radio], [type=checkbox]))`;
  return (
    document.getElementById(field) ?? document.querySelector<HTMLElement>(inField) ?? undefined
  );
}

function reveal(control: HTMLElement | undefined): void {
  const folded = control?.closest('details');
  if (folded) folded.open = true;
  control?.focus();
}

/** Errors of the engine begin small and end without a full stop, for they are quoted in others. Hosts and files stay small. */
export function sentence(text: string): string {
  const isName = /^\S*[./]\S/.test(text);
  const begun = isName ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
