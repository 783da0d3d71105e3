"""Makes ../embedded-upscaler.json with its .bin: what spandrel computes of a part of a drawn picture with the upscaler that is
part of the package.

    python make-embedded.py

Made with Python 3.11, torch 2.13.0 (CPU), spandrel 0.4.2 and Pillow.
"""

import json

import numpy
import torch
from PIL import Image
from spandrel import ModelLoader

ROOT = "../../.."

picture = Image.open(f"{ROOT}/demo/examples/emoji-64/a-crying-face.png").convert("RGB")
eye = numpy.asarray(picture.crop((10, 18, 30, 34)))
x = torch.from_numpy(eye.copy()).permute(2, 0, 1)[None].float() / 255
network = ModelLoader().load_from_file(f"{ROOT}/models/realesr-animevideov3/model.safetensors")
with torch.no_grad():
    y = network.model.float().eval()(x)

arrays, data = {}, b""
for name, tensor in [("in", x), ("out", y)]:
    arrays[name] = {"dtype": "float32", "shape": list(tensor.shape), "offset": len(data)}
    data += tensor.numpy().astype("<f4").tobytes()

with open("../embedded-upscaler.bin", "wb") as file:
    file.write(data)
with open("../embedded-upscaler.json", "w") as file:
    json.dump({"arrays": arrays}, file, indent=1)
