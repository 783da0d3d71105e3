/**
 * A call to an endpoint, answered: whatever goes wrong becomes a reply.
 */

import { isEngineError } from '../errors.ts';
import type { ApiContext, Call, Endpoint } from './context.ts';
import { ENDPOINTS } from './endpoints/endpoints.ts';
import { handedOver, withReason } from './load-balancer.ts';
import { bodyOfError } from './response.ts';
import type { EndpointName } from './routes.ts';

/** The reply's JSON. Never rejects but for an abort of the call, with its reason. */
export async function answerCall(
  name: EndpointName,
  call: Call,
  context: ApiContext,
): Promise<unknown> {
  call.signal?.throwIfAborted();
  const endpoint: Endpoint = ENDPOINTS[name];
  try {
    await context.library?.ready();
    const handed = await handedOver(name, call, context);
    if (handed === undefined) return await endpoint(call, context);
    if ('reply' in handed) return handed.reply;
    return withReason(await endpoint({ ...call, body: handed.body }, context), handed.why);
  } catch (error) {
    call.signal?.throwIfAborted();
    if (!isEngineError(error)) context.onError(error);
    return bodyOfError(error, call.version);
  }
}
