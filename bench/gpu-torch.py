"""Times PyTorch on the same UNets as `npm run bench -- gpu`, for comparison on the same GPU.

    pip install torch diffusers
    python bench/gpu-torch.py [--plan sd15,sdxl] [--dtype float16] [--runs 7]

The networks are diffusers' UNet2DConditionModel with the configs of test/goldens/fullsize.json and
random weights (time does not depend on them); eager mode, no torch.compile, attention as diffusers
chooses it (PyTorch's scaled_dot_product_attention). Prints a Markdown table.
"""

import argparse
import json
import statistics
import time

import torch
from diffusers import UNet2DConditionModel

# Component, and batch x height x width of latents; as in gpu.ts.
PLANS = {
    "sd15": ("sd15/unet", ["1x64x64", "2x64x64", "2x96x96"]),
    "sdxl": ("sdxl/unet", ["1x128x128", "2x128x128"]),
    "wide": ("wide/lcm", ["1x8x8"]),
}


def make_inputs(config, batch, height, width, options):
    """Inputs of the right shapes; 77 tokens."""
    added = None
    if config.addition_embed_type == "text_time":
        sizes = config.addition_time_embed_dim * 6
        text_width = config.projection_class_embeddings_input_dim - sizes
        time_ids = [8 * height, 8 * width, 0, 0, 8 * height, 8 * width]
        added = {
            "text_embeds": torch.randn(batch, text_width, **options),
            "time_ids": torch.tensor([time_ids] * batch, **options),
        }
    return {
        "sample": torch.randn(batch, config.in_channels, height, width, **options),
        "timestep": torch.tensor([601] * batch, device=options["device"]),
        "encoder_hidden_states": torch.randn(batch, 77, config.cross_attention_dim, **options),
        "added_cond_kwargs": added,
    }


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


@torch.inference_mode()
def measure(unet, inputs, device, runs):
    """Milliseconds of each run, after two that do not count."""
    times = []
    for index in range(runs + 2):
        synchronize(device)
        start = time.perf_counter()
        unet(**inputs)
        synchronize(device)
        if index >= 2:
            times.append(1000 * (time.perf_counter() - start))
    return times


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plan", default="sd15,sdxl")
    parser.add_argument("--dtype", default="float16")
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"PyTorch {torch.__version__} on {name}, {arguments.dtype}, eager")
    with open("test/goldens/fullsize.json") as file:
        components = json.load(file)["components"]
    options = {"device": device, "dtype": getattr(torch, arguments.dtype)}

    print("| network | size | median ms | least | most | peak MB |")
    print("| ------- | ---- | --------- | ----- | ---- | ------- |")
    for plan in arguments.plan.split(","):
        component, sizes = PLANS[plan]
        unet = UNet2DConditionModel.from_config(components[component]["config"])
        unet = unet.to(**options).eval()
        for size in sizes:
            batch, height, width = map(int, size.split("x"))
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            inputs = make_inputs(unet.config, batch, height, width, options)
            times = measure(unet, inputs, device, arguments.runs)
            peak = torch.cuda.max_memory_allocated() / 1e6 if device.type == "cuda" else 0
            cells = [statistics.median(times), min(times), max(times), peak]
            print(f"| {component} | {size} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |")
        del unet


if __name__ == "__main__":
    main()
