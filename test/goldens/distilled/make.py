"""Makes the files of this folder: runs of distilled models, which read guidance as an input (LCM) or not at all (Turbo).

    python make.py ..

`guidance.safetensors` is what makes an LCM of tiny-sd15's UNet: the layer that reads the embedded guidance scale.
Made with Python 3.11; ../distilled.json names the versions of everything else.
"""

import importlib.metadata
import json
import sys

import numpy
import torch
from diffusers import (
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from safetensors.torch import save_file

GUIDANCE_WIDTH = 256
SIZE = 64
NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
}
# As published: SimianLuo/LCM_Dreamshaper_v7, stabilityai/sd-turbo, stabilityai/sdxl-turbo.
CONFIGS = {
    "lcm": {**NOISE, "original_inference_steps": 50, "set_alpha_to_one": True, "steps_offset": 0},
    "turbo": {**NOISE, "steps_offset": 1, "timestep_spacing": "trailing", "interpolation_type": "linear"},
    "xl-turbo": {**NOISE, "steps_offset": 1, "timestep_spacing": "trailing", "interpolation_type": "linear"},
}
SCHEDULERS = {
    "LCMScheduler": LCMScheduler,
    "EulerDiscreteScheduler": EulerDiscreteScheduler,
    "EulerAncestralDiscreteScheduler": EulerAncestralDiscreteScheduler,
}
RUNS = [
    ("lcm/txt2img", "LCMScheduler", {"guidance_scale": 8, "num_inference_steps": 4}),
    ("lcm/weak", "LCMScheduler", {"guidance_scale": 1, "num_inference_steps": 3}),
    ("lcm/batch", "LCMScheduler", {"guidance_scale": 1.5, "num_inference_steps": 2, "num_images_per_prompt": 2}),
    ("lcm/img2img", "LCMScheduler", {"guidance_scale": 8, "num_inference_steps": 4, "strength": 0.5}),
    ("turbo/1", "EulerDiscreteScheduler", {"guidance_scale": 0, "num_inference_steps": 1}),
    ("turbo/4", "EulerDiscreteScheduler", {"guidance_scale": 0, "num_inference_steps": 4}),
    ("turbo/ancestral", "EulerAncestralDiscreteScheduler", {"guidance_scale": 1, "num_inference_steps": 2}),
    ("turbo/img2img", "EulerDiscreteScheduler", {"guidance_scale": 0, "num_inference_steps": 2, "strength": 0.5}),
    ("xl-turbo/1", "EulerAncestralDiscreteScheduler", {"guidance_scale": 0, "num_inference_steps": 1}),
    ("xl-turbo/3", "EulerAncestralDiscreteScheduler", {"guidance_scale": 0, "num_inference_steps": 3}),
]
MODELS = {"lcm": "tiny-sd15", "turbo": "tiny-sd2", "xl-turbo": "tiny-sdxl"}


def guidance_layer(folder):
    torch.manual_seed(7)
    config = json.load(open(f"{folder}/tiny-sd15/unet/config.json"))
    channels = config["block_out_channels"][0]
    weight = (torch.randn(channels, GUIDANCE_WIDTH) * 0.1).half()
    name = "time_embedding.cond_proj.weight"
    save_file({name: weight}, f"{folder}/distilled/guidance.safetensors")
    plain = UNet2DConditionModel.from_pretrained(f"{folder}/tiny-sd15/unet", torch_dtype=torch.float32)
    unet = UNet2DConditionModel.from_config({**config, "time_cond_proj_dim": GUIDANCE_WIDTH})
    missing, others = unet.load_state_dict({**plain.state_dict(), name: weight.float()})
    assert not missing and not others
    return unet.eval()


def main(folder):
    lcm_unet = guidance_layer(folder)
    picture = Image.open(f"{folder}/init.png").convert("RGB").resize((SIZE, SIZE), Image.BOX)
    arrays, blob, runs = {}, bytearray(), []

    def add(name, array, dtype):
        array = numpy.ascontiguousarray(array, dtype=dtype)
        kind = {"<f4": "float32", "<i4": "int32"}[dtype]
        arrays[name] = {"dtype": kind, "shape": list(array.shape), "offset": len(blob)}
        blob.extend(array.tobytes())

    add("init_image", numpy.asarray(picture), "<i4")
    for index, (name, scheduler, settings) in enumerate(RUNS):
        family = name.split("/")[0]
        kind = StableDiffusionXLPipeline if family == "xl-turbo" else StableDiffusionPipeline
        if "strength" in settings:
            kind = StableDiffusionImg2ImgPipeline
        given = {"unet": lcm_unet} if family == "lcm" else {}
        given |= {} if family == "xl-turbo" else {"safety_checker": None}
        pipe = kind.from_pretrained(f"{folder}/{MODELS[family]}", torch_dtype=torch.float32, **given)
        pipe.scheduler = SCHEDULERS[scheduler].from_config(CONFIGS[family])
        pipe.set_progress_bar_config(disable=True)
        run = {
            "name": name,
            "pipeline": kind.__name__,
            "scheduler": scheduler,
            "seed": 100 + index,
            "prompt": "a photo of a cat",
            "negative_prompt": "blurry",
            **settings,
        }
        size = {"image": picture} if "strength" in settings else {"width": SIZE, "height": SIZE}

        def draw(kind):
            generator = torch.Generator().manual_seed(run["seed"])
            return pipe(
                prompt=run["prompt"],
                negative_prompt=run["negative_prompt"],
                generator=generator,
                output_type=kind,
                **settings,
                **size,
            ).images

        add(f"{name}/latent", draw("latent").numpy(), "<f4")
        add(f"{name}/image", draw("np"), "<f4")
        runs.append({**run, "width": SIZE, "height": SIZE})
    versions = {name: importlib.metadata.version(name) for name in ("torch", "diffusers", "transformers")}
    json.dump(
        {"versions": versions, "configs": CONFIGS, "models": MODELS, "guidance_width": GUIDANCE_WIDTH, "runs": runs, "arrays": arrays},
        open(f"{folder}/distilled.json", "w"),
        indent=1,
    )
    open(f"{folder}/distilled.bin", "wb").write(blob)


main(sys.argv[1])
