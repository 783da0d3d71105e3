"""Makes the files of this folder and ../upscalers.json with its .bin: small upscalers with seeded weights, and what
spandrel computes with them.

    python make.py

Made with Python 3.11, torch 2.13.0 (CPU) and spandrel 0.4.2. spandrel builds its RRDBNet with dense blocks of 32
channels; here it is told 4, so that the files stay small.
"""

import functools
import json

import numpy
import safetensors.torch
import torch
from spandrel import ModelLoader
from spandrel.architectures.__arch_helpers import block

FEATURES = 8
GROW = 4

_init = block.RRDB.__init__


@functools.wraps(_init)
def narrow(self, *args, **options):
    _init(self, *args, **{**options, "gc": GROW})


block.RRDB.__init__ = narrow

generator = torch.Generator().manual_seed(20260)


def halves(*shape, scale=1.0):
    return (torch.randn(*shape, generator=generator) * scale).half().float()


def conv(state, name, out, into):
    state[f"{name}.weight"] = halves(out, into, 3, 3, scale=(9 * into) ** -0.5)
    state[f"{name}.bias"] = halves(out, scale=0.1)


def rrdb(blocks, channels):
    state = {}
    conv(state, "conv_first", FEATURES, channels)
    for i in range(blocks):
        for j in (1, 2, 3):
            for k in range(5):
                out = GROW if k < 4 else FEATURES
                conv(state, f"body.{i}.rdb{j}.conv{k + 1}", out, FEATURES + k * GROW)
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
        conv(state, name, FEATURES, FEATURES)
    conv(state, "conv_last", 3, FEATURES)
    # Pictures lie in 0 to 1.
    state["conv_last.bias"] = (state["conv_last.bias"] + 0.5).half().float()
    return state


def compact(convs, scale):
    state = {}
    for i in range(convs + 1):
        conv(state, f"body.{2 * i}", FEATURES, FEATURES if i else 3)
        state[f"body.{2 * i + 1}.weight"] = halves(FEATURES, scale=0.5)
    conv(state, f"body.{2 * convs + 2}", 3 * scale * scale, FEATURES)
    return state


def old_names(state, blocks):
    """The names of 2018, as ESRGAN's first files have them."""
    names = {
        "conv_first": "model.0",
        "conv_body": f"model.1.sub.{blocks}",
        "conv_up1": "model.3",
        "conv_up2": "model.6",
        "conv_hr": "model.8",
        "conv_last": "model.10",
    }
    old = {}
    for name, tensor in state.items():
        head, _, tail = name.partition(".")
        if head in names:
            old[f"{names[head]}.{tail}"] = tensor
            continue
        _, i, rdb, layer, kind = name.split(".")
        old[f"model.1.sub.{i}.{rdb.upper()}.{layer}.0.{kind}"] = tensor
    return old


x4, x2, first, small, double = rrdb(2, 3), rrdb(1, 12), rrdb(1, 3), compact(3, 4), compact(2, 2)
torch.save({"params_ema": {k: v.half() for k, v in x4.items()}}, "x4.pth")
safetensors.torch.save_file({k: v.half() for k, v in x2.items()}, "x2.safetensors")
torch.save(old_names(first, 1), "old-names.pth")
torch.save({"params": small}, "compact.pth")
safetensors.torch.save_file(double, "compact-x2.safetensors")

MODELS = {
    "x4.pth": (x4, [(10, 12)]),
    "x2.safetensors": (x2, [(10, 12), (11, 9)]),
    "old-names.pth": (old_names(first, 1), [(10, 12)]),
    "compact.pth": (small, [(10, 12), (20, 24)]),
    "compact-x2.safetensors": (double, [(10, 12)]),
}

arrays, data = {}, []
offset = 0


def put(name, tensor):
    global offset
    values = tensor.detach().numpy().astype("<f4")
    arrays[name] = {"dtype": "float32", "shape": list(values.shape), "offset": offset}
    data.append(values.tobytes())
    offset += values.nbytes


with torch.no_grad():
    for file, (state, sizes) in MODELS.items():
        network = ModelLoader().load_from_state_dict(dict(state)).model.eval()
        for height, width in sizes:
            # A picture of bytes.
            x = (torch.rand(1, 3, height, width, generator=generator) * 255).round() / 255
            name = f"{file}/{height}x{width}"
            put(f"{name}/in", x)
            put(f"{name}/out", network(x))
            print(name, network(x).shape, float(network(x).mean()), float(network(x).std()))

with open("../upscalers.bin", "wb") as file:
    file.write(b"".join(data))
with open("../upscalers.json", "w") as file:
    json.dump({"arrays": arrays}, file, indent=1)
