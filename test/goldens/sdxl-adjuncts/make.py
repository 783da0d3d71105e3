"""Makes the files of this folder: a LoRA for tiny-sdxl under kohya's and under diffusers' names, an embedding for its two text
encoders, and what diffusers draws with them.

    python make.py ../tiny-sdxl

Made with Python 3.11; expected.json names the versions of everything else.
"""

import importlib.metadata
import json
import sys

import torch
from diffusers import DDIMScheduler, StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

RANK = 2
ALPHA = 1.0
STRENGTH = 0.8
WORD = "<toy>"

# Stable Diffusion 1.5's, as the other whole runs have it.
SCHEDULER = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}

LAYER = "text_model.encoder.layers.0"
MODULES = {
    # diffusers' name: kohya's, which for SDXL's UNet is CompVis'
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q",
    "unet.down_blocks.2.attentions.1.transformer_blocks.2.attn2.to_k": "lora_unet_input_blocks_8_1_transformer_blocks_2_attn2_to_k",
    "unet.mid_block.attentions.0.transformer_blocks.0.ff.net.2": "lora_unet_middle_block_1_transformer_blocks_0_ff_net_2",
    "unet.up_blocks.0.attentions.2.proj_in": "lora_unet_output_blocks_2_1_proj_in",
    f"text_encoder.{LAYER}.self_attn.q_proj": "lora_te1_text_model_encoder_layers_0_self_attn_q_proj",
    f"text_encoder.{LAYER}.mlp.fc1": "lora_te1_text_model_encoder_layers_0_mlp_fc1",
    f"text_encoder_2.{LAYER}.self_attn.v_proj": "lora_te2_text_model_encoder_layers_0_self_attn_v_proj",
    f"text_encoder_2.{LAYER}.mlp.fc2": "lora_te2_text_model_encoder_layers_0_mlp_fc2",
}


def module_of(pipe, name):
    component, path = name.split(".", 1)
    root = getattr(pipe, component)
    if component != "unet" and not hasattr(root, "text_model"):
        path = path.removeprefix("text_model.")
    return root.get_submodule(path)


def main(folder):
    pipe = StableDiffusionXLPipeline.from_pretrained(folder, torch_dtype=torch.float32, add_watermarker=False)
    pipe.scheduler = DDIMScheduler.from_config(SCHEDULER)
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(5)

    def draw(*shape, scale):
        return (torch.randn(*shape, generator=generator) * scale).half().float()

    kohya, diffusers = {}, {}
    for name, module in MODULES.items():
        layer = module_of(pipe, name)
        down = draw(RANK, layer.in_features, scale=0.4)
        up = draw(layer.out_features, RANK, scale=0.4)
        kohya[f"{module}.lora_down.weight"] = down
        kohya[f"{module}.lora_up.weight"] = up
        kohya[f"{module}.alpha"] = torch.tensor(ALPHA)
        diffusers[f"{name}.lora_A.weight"] = down
        # Without an alpha a change counts whole.
        diffusers[f"{name}.lora_B.weight"] = up * (ALPHA / RANK)
    save_file(kohya, "kohya.safetensors")
    save_file(diffusers, "diffusers.safetensors")
    vectors = {"clip_l": draw(2, 32, scale=0.05), "clip_g": draw(2, 48, scale=0.05)}
    save_file(vectors, "toy.safetensors")

    def run(prompt):
        return pipe(
            prompt,
            negative_prompt="blurry",
            guidance_scale=7.5,
            num_inference_steps=3,
            width=128,
            height=128,
            generator=torch.Generator().manual_seed(8),
            output_type="latent",
        ).images

    def lay(factor):
        """Adds the change to the weights by hand: diffusers 0.42.1 loses kohya's text encoders under transformers 5."""
        for name, module in MODULES.items():
            down, up = kohya[f"{module}.lora_down.weight"], kohya[f"{module}.lora_up.weight"]
            module_of(pipe, name).weight.data += factor * ALPHA / RANK * (up @ down)

    prompt = "a photo of a cat"
    worded = f"a photo of {WORD}"
    results = {"plain": run(prompt)}
    pipe.load_lora_weights(load_file("diffusers.safetensors"), adapter_name="lora")
    pipe.set_adapters(["lora"], [STRENGTH])
    loaded = run(prompt)
    pipe.unload_lora_weights()
    before = {name: module_of(pipe, name).weight.data.clone() for name in MODULES}
    lay(STRENGTH)
    results["lora"] = run(prompt)
    print("by hand and as diffusers loads it:", float((results["lora"] - loaded).abs().max()))
    toy = load_file("toy.safetensors")
    pipe.load_textual_inversion(toy["clip_l"], token=WORD, text_encoder=pipe.text_encoder, tokenizer=pipe.tokenizer)
    pipe.load_textual_inversion(toy["clip_g"], token=WORD, text_encoder=pipe.text_encoder_2, tokenizer=pipe.tokenizer_2)
    results["toy-lora"] = run(worded)
    for name, weight in before.items():
        module_of(pipe, name).weight.data = weight
    results["toy"] = run(worded)

    arrays, data = {}, b""
    for name, latents in results.items():
        print(name, float(latents.std()), float((latents - results["plain"]).abs().max()))
        arrays[f"{name}/latent"] = {"dtype": "float32", "shape": list(latents.shape), "offset": len(data)}
        data += latents.contiguous().numpy().tobytes()
    packages = ("torch", "diffusers", "transformers", "peft", "safetensors")
    expected = {
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "note": f"DDIM, 3 steps, seed 8, guidance 7.5, 128x128, negative prompt 'blurry'; LoRAs at {STRENGTH}; with the word '{worded}', else '{prompt}'",
        "arrays": arrays,
    }
    with open("expected.json", "w") as file:
        json.dump(expected, file, indent=1)
        file.write("\n")
    with open("expected.bin", "wb") as file:
        file.write(data)


main(sys.argv[1])
