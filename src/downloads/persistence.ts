/**
 * The browser's promise not to remove files by itself.
 */

/**
 * Asks the browser not to remove the files by itself when the disk gets full; true when it promises that.
 * To be called by a page, best after the person asked for a download; some browsers ask the person.
 */
export async function requestPersistence(): Promise<boolean> {
  return (await navigator.storage.persisted()) || navigator.storage.persist();
}
