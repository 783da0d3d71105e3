/**
 * Every endpoint by its name.
 */

import type { Endpoint } from '../context.ts';
import type { EndpointName } from '../routes.ts';
import { cancelJob, fetchJob } from './fetch.ts';
import { generate } from './generate.ts';
import { loadModel, loadVae } from './loads.ts';
import {
  allModels,
  deleteModel,
  modelList,
  reloadModel,
  schedulersList,
  syncModels,
  verifyModel,
} from './models.ts';
import {
  clearCache,
  clearQueue,
  requestCount,
  restartServer,
  systemDetails,
  systemLoad,
  updateS3,
  updateServer,
} from './server.ts';
import { superResolution } from './super-resolution.ts';
import { unavailable } from './unavailable.ts';
import { base64Crop, base64ToUrl, deleteImage, uploadImage } from './uploads.ts';

/** See the file's header. */
export const ENDPOINTS: Readonly<Record<EndpointName, Endpoint>> = {
  text2img: generate('text2img'),
  img2img: generate('img2img'),
  inpaint: generate('inpaint'),
  controlnet: generate('controlnet'),
  super_resolution: superResolution,
  fetch: fetchJob,
  cancel: cancelJob,
  model_reload: reloadModel,
  model_list: modelList,
  get_all_models: allModels,
  verify_model: verifyModel,
  delete_model: deleteModel,
  load_model: loadModel,
  load_vae: loadVae,
  sync_models: syncModels,
  schedulers_list: schedulersList,
  finetune_list: () => Promise.resolve({ status: 'success', messege: 'model list', data: [] }),
  system_load: systemLoad,
  system_details: systemDetails,
  request_count: requestCount,
  restart_server: restartServer,
  update_server: updateServer,
  update_s3: updateS3,
  clear_cache: clearCache,
  clear_queue: clearQueue,
  upload_image: uploadImage,
  base64_crop: base64Crop,
  base64_to_url: base64ToUrl,
  delete_image: deleteImage,
  nsfw_image_check: unavailable('nsfw_image_check'),
  text2video: unavailable('text2video'),
  pix2pix: unavailable('pix2pix'),
  depth2img: unavailable('depth2img'),
  interior: unavailable('interior'),
  outpaint: unavailable('outpaint'),
  removebg_mask: unavailable('removebg_mask'),
  account: unavailable('account'),
};
