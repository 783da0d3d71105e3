"""The picture that diffusers draws with the full-size model, for bench/full-size-page.ts to compare with.

    python bench/full-size-picture.py MODEL_FOLDER sd15|sdxl OUT.png

MODEL_FOLDER is what `npm run bench -- full-size-model --form folder` wrote. Everything is computed in float32 on the CPU.
The files beside this script were made with torch 2.13.0, diffusers 0.42.1 and transformers 5.23.0.
"""

import sys

import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline

folder, model, out = sys.argv[1:]
kind = StableDiffusionPipeline if model == "sd15" else StableDiffusionXLPipeline
options = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False} if model == "sd15" else {}
pipe = kind.from_pretrained(folder, torch_dtype=torch.float32, **options)
# As the API has it where a request says nothing.
pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config, use_karras_sigmas=True)
picture = pipe(
    "a red fox in the snow",
    height=64,
    width=64,
    num_inference_steps=2,
    guidance_scale=1.0,
    generator=torch.Generator().manual_seed(7),
).images[0]
picture.save(out)
