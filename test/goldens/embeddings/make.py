"""Makes the files of this folder, and what transformers computes with them.

    python make.py ../tiny-sd15

Made with Python 3.11, torch 2.13.0 (CPU), transformers 5.23.0 and the safetensors that expected.json names.
"""

import json
import os
import pickle
import sys
import zipfile

import safetensors
import safetensors.torch
import torch
import transformers
from transformers import CLIPTextModel

WIDTH = 32


def vectors(count, seed, width=WIDTH):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(count, width, generator=generator) * 0.05).half().float()


def a1111(param, name):
    return {
        "string_to_token": {"*": 265},
        "string_to_param": param,
        "name": name,
        "step": 500,
        "sd_checkpoint": None,
        "sd_checkpoint_name": None,
    }


class Evil:
    def __reduce__(self):
        return (os.system, ("touch /tmp/pickle-was-run",))


def main(folder):
    v3 = vectors(3, 1)
    torch.save(a1111({"*": torch.nn.Parameter(v3)}, "three"), "a1111.pt")
    torch.save(a1111(torch.nn.ParameterDict({"*": torch.nn.Parameter(v3)}), "three"), "a1111-parameter-dict.pt")
    torch.save(a1111({"*": v3.half()}, "three"), "a1111-half.pt")
    safetensors.torch.save_file({"emb_params": v3}, "a1111.safetensors")
    table = vectors(20, 2)
    torch.save({"<toy>": table[7]}, "diffusers.bin")  # a view: the whole table is in the file
    safetensors.torch.save_file({"<toy>": table[7].clone()}, "diffusers.safetensors")
    safetensors.torch.save_file({"clip_l": vectors(2, 3, 48), "clip_g": vectors(2, 4, 64)}, "sdxl.safetensors")
    torch.save({"clip_l": vectors(2, 3, 48).bfloat16(), "clip_g": vectors(2, 4, 64)}, "sdxl.pt")

    # What is to be refused.
    torch.save(a1111({"*": v3}, "old"), "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(a1111({"*": v3.double()}, "double"), "double.pt")
    torch.save(a1111({"*": v3.t().contiguous().t()}, "strided"), "strided.pt")
    torch.save(a1111({"*": v3, "+": v3}, "two"), "two.pt")
    torch.save(torch.nn.Linear(2, 2), "module.pt")
    with zipfile.ZipFile("evil.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(a1111(Evil(), "evil"), protocol=2))
        archive.writestr("archive/version", "3")
    with zipfile.ZipFile("evil-protocol-4.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Evil(), protocol=4))
    with zipfile.ZipFile("compressed.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, protocol=2))

    # Text states with the three vectors in the places of ids beyond the vocabulary.
    model = CLIPTextModel.from_pretrained(f"{folder}/text_encoder", dtype=torch.float32).eval()
    size = model.config.vocab_size
    ids = [size - 2, 320, 500, size, size + 1, size + 2, 267, size - 1]
    ids = torch.tensor([ids + [size - 1] * (77 - len(ids))])
    model.resize_token_embeddings(size + 3, mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[size:] = v3
        output = model(ids, output_hidden_states=True)
    expected = {
        "versions": {
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "safetensors": safetensors.__version__,
        },
        "three": v3.tolist(),
        "toy": table[7:8].tolist(),
        "clip_l": vectors(2, 3, 48).tolist(),
        "clip_g": vectors(2, 4, 64).tolist(),
        "ids": ids[0].tolist(),
        "embedded": output.hidden_states[0][0].tolist(),
        "state": output.last_hidden_state[0].tolist(),
    }
    with open("expected.json", "w") as file:
        json.dump(expected, file)


main(sys.argv[1])
