/**
 * Waiting for something that may never come, or only until it is no longer wanted.
 */

/**
 * `promise`, or a rejection with the signal's reason as soon as `signal` aborts. What `promise` stands
 * for goes on; a later rejection of it is ignored.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
