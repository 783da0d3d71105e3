"""Makes the files of this folder: LoRAs of every kind and style for tiny-sd15, and what LyCORIS, PEFT and diffusers make of
its weights with them.

    python make.py ../tiny-sd15

Made with Python 3.11; expected.json names the versions of everything else.
"""

import importlib.metadata
import json
import struct
import sys
import warnings

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from lycoris.modules.full import FullModule
from lycoris.modules.ia3 import IA3Module
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule
from lycoris.modules.norms import NormModule
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

warnings.filterwarnings("ignore")
torch.manual_seed(1)

BLOCK = "down_blocks.0.attentions.0"
LINEAR = f"{BLOCK}.transformer_blocks.0.attn2.to_k"
SQUARE = f"{BLOCK}.transformer_blocks.0.attn1.to_q"
WIDE = f"{BLOCK}.transformer_blocks.0.ff.net.0.proj"
POINT = f"{BLOCK}.proj_in"
CONV = "down_blocks.0.resnets.0.conv1"
STRIDED = "down_blocks.0.downsamplers.0.conv"
NORM = "mid_block.resnets.1.norm2"
UP = "up_blocks.2.upsamplers.0.conv"
TEXT = "text_model.encoder.layers.1.self_attn.q_proj"

# CompVis' spelling, as trainers of SDXL write it.
LDM = {
    LINEAR: "input_blocks_1_1_transformer_blocks_0_attn2_to_k",
    CONV: "input_blocks_1_0_in_layers_2",
    STRIDED: "input_blocks_3_0_op",
    NORM: "middle_block_2_out_layers_0",
    UP: "output_blocks_8_2_conv",
}


def randomized(module, scale=0.2):
    """Initial values are zeros in part, which would show nothing."""
    for parameter in module.parameters():
        parameter.data = (torch.randn_like(parameter) * scale).half().float()
    return module


def main(folder):
    unet = UNet2DConditionModel.from_pretrained(f"{folder}/unet", torch_dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(f"{folder}/text_encoder", dtype=torch.float32)
    modules = dict(unet.named_modules())
    # transformers 5 leaves the first step of the path out.
    texts = {f"text_model.{name.removeprefix('text_model.')}": module for name, module in text.named_modules()}
    expected = {}

    def lycoris(file, kind, targets, names=None, magnitude=1.0, strengths=(1.0, 0.7), **options):
        tensors, merged = {}, {}
        for target in targets:
            in_text = target.startswith("text_model.")
            original = texts[target] if in_text else modules[target]
            module = randomized(kind(target.replace(".", "_"), original, **options))
            if hasattr(module, "dora_scale"):
                module.dora_scale.data = module.dora_scale.data.abs() * 3 + magnitude
            module.eval()
            state = module.custom_state_dict() if hasattr(module, "custom_state_dict") else module.state_dict()
            if not state:
                state = module.state_dict()
            path = (names or {}).get(target, target).replace(".", "_")
            prefix = "lora_te_" if in_text else "lora_unet_"
            for part, value in state.items():
                if value is not None:
                    tensors[f"{prefix}{path}.{part}"] = torch.as_tensor(value).detach().clone().contiguous()
            for strength in strengths:
                shape = original.weight.shape
                with torch.no_grad():
                    weight, bias = module.get_merged_weight(multiplier=strength, shape=shape)
                    if kind in (LohaModule, LokrModule):
                        # LyCORIS 4.1.3 multiplies these by alpha / rank twice there, and once where it trains them.
                        weight = original.weight + strength * module.get_weight(shape)
                        if module.wd:
                            weight = module.apply_weight_decompose(original.weight + module.get_weight(shape), 1)
                merged.setdefault(str(strength), {})[f"{target}.weight"] = weight.flatten().tolist()
                if bias is not None:
                    merged[str(strength)][f"{target}.bias"] = bias.flatten().tolist()
        save_file(tensors, f"{file}.safetensors")
        expected[file] = merged

    layers = [LINEAR, WIDE, POINT, CONV, STRIDED, TEXT]
    lycoris("lora", LoConModule, layers, lora_dim=3, alpha=2)
    torch.save(load_file("lora.safetensors"), "lora.bin")
    lycoris("locon-tucker", LoConModule, [CONV, STRIDED, UP], lora_dim=3, alpha=2, use_tucker=True, names=LDM)
    lycoris("loha", LohaModule, layers, lora_dim=3, alpha=2)
    lycoris("loha-tucker", LohaModule, [CONV, LINEAR], lora_dim=3, alpha=2, use_tucker=True, names=LDM)
    lycoris("lokr", LokrModule, layers, lora_dim=2, alpha=1, factor=4)
    lycoris("lokr-tucker", LokrModule, [CONV, UP], lora_dim=1, alpha=3, factor=2, use_tucker=True, decompose_both=True)
    lycoris("lokr-full", LokrModule, [LINEAR, CONV], lora_dim=100000, alpha=7, factor=4)
    lycoris("ia3", IA3Module, [LINEAR, CONV, TEXT])
    lycoris("ia3-input", IA3Module, [LINEAR, CONV], train_on_input=True)
    lycoris("norm", NormModule, [NORM], names=LDM)
    lycoris("dora-out", LoConModule, [LINEAR, SQUARE, POINT, CONV], lora_dim=3, alpha=2, weight_decompose=True, wd_on_out=True, strengths=(1.0,))
    lycoris("dora-in", LoConModule, [LINEAR, SQUARE, POINT, CONV], lora_dim=3, alpha=2, weight_decompose=True, wd_on_out=False, strengths=(1.0,))
    lycoris("dora-loha", LohaModule, [LINEAR, CONV], lora_dim=3, alpha=2, weight_decompose=True, wd_on_out=True, strengths=(1.0,))

    full = FullModule("full", modules[CONV])
    before = modules[CONV].weight.detach().clone(), modules[CONV].bias.detach().clone()
    change = (torch.randn_like(before[0]) * 0.1).half(), (torch.randn_like(before[1]) * 0.1).half()
    prefix = f"lora_unet_{CONV.replace('.', '_')}"
    save_file({f"{prefix}.diff": change[0], f"{prefix}.diff_b": change[1]}, "full.safetensors")
    expected["full"] = {
        str(s): {
            f"{CONV}.weight": (before[0] + s * change[0].float()).flatten().tolist(),
            f"{CONV}.bias": (before[1] + s * change[1].float()).flatten().tolist(),
        }
        for s in (1.0, 0.7)
    }
    del full

    def peft(file, save, **options):
        network = UNet2DConditionModel.from_pretrained(f"{folder}/unet", torch_dtype=torch.float32)
        encoder = CLIPTextModel.from_pretrained(f"{folder}/text_encoder", dtype=torch.float32)
        config = LoraConfig(r=3, lora_alpha=2, target_modules=["attn2.to_k", "attn1.to_out.0", "conv1", "proj_in"], **options)
        network.add_adapter(config)
        encoder.add_adapter(LoraConfig(r=3, lora_alpha=5, target_modules=["q_proj"], **options))
        for model in (network, encoder):
            for name, parameter in model.named_parameters():
                if "lora_" in name:
                    noise = torch.randn_like(parameter) * 0.2
                    if "magnitude" in name:
                        noise = parameter.abs() * 3 + 1
                    parameter.data = noise.half().float()
        save(file, network, encoder)
        merged = {}
        targets = [LINEAR, f"{BLOCK}.transformer_blocks.0.attn1.to_out.0", CONV, POINT, TEXT]
        for target in targets:
            model = encoder if target.startswith("text_model.") else network
            named = dict(model.named_modules())
            layer = named.get(target) or named[target.removeprefix("text_model.")]
            layer.merge()
            merged[f"{target}.weight"] = layer.get_base_layer().weight.detach().flatten().tolist()
        expected[file] = {"1.0": merged}

    def save_diffusers(file, network, encoder):
        StableDiffusionPipeline.save_lora_weights(
            ".",
            unet_lora_layers=get_peft_model_state_dict(network),
            text_encoder_lora_layers=get_peft_model_state_dict(encoder),
            weight_name=f"{file}.safetensors",
            unet_lora_adapter_metadata=network.peft_config["default"].to_dict(),
            text_encoder_lora_adapter_metadata=encoder.peft_config["default"].to_dict(),
        )

    peft("diffusers", save_diffusers)
    peft("diffusers-rslora", save_diffusers, use_rslora=True)
    peft("diffusers-dora", save_diffusers, use_dora=True)

    versions = {name: importlib.metadata.version(name) for name in ("torch", "lycoris-lora", "peft", "diffusers", "transformers", "safetensors")}
    arrays, data = {}, bytearray()
    for file, strengths in expected.items():
        for strength, tensors in strengths.items():
            for name, values in tensors.items():
                arrays[f"{file}/{strength}/{name}"] = {"dtype": "float32", "shape": [len(values)], "offset": len(data)}
                data += struct.pack(f"<{len(values)}f", *values)
    with open("expected.json", "w") as file:
        json.dump({"versions": versions, "arrays": arrays}, file, indent=1)
    with open("expected.bin", "wb") as file:
        file.write(data)


main(sys.argv[1])
