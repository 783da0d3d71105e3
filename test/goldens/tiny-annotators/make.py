"""Two networks that can be checked by hand, as Transformers.js opens them: how near is how light, the class is the strongest colour.

Run: pip install onnx==1.23.2 numpy==2.4.6; python make.py
"""
import json
from pathlib import Path
import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save


def model(folder, output, weights, pool):
    nodes = [helper.make_node("Conv", ["pixel_values", "weights"], ["mixed"])]
    if pool:
        nodes.append(helper.make_node("AveragePool", ["mixed"], [output], kernel_shape=[4, 4], strides=[4, 4]))
    else:
        nodes.append(helper.make_node("Squeeze", ["mixed", "axes"], [output]))
    image = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    dims = ["batch", weights.shape[0], "h", "w"] if pool else ["batch", "h", "w"]
    constants = [numpy_helper.from_array(weights.astype(np.float32), "weights")]
    if not pool:
        constants.append(numpy_helper.from_array(np.array([1], np.int64), "axes"))
    graph = helper.make_graph(
        nodes, "tiny", [image], [helper.make_tensor_value_info(output, TensorProto.FLOAT, dims)], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(made)
    Path(folder, "onnx").mkdir(parents=True, exist_ok=True)
    save(made, f"{folder}/onnx/model_quantized.onnx")


def configs(folder, config, processor):
    Path(folder, "config.json").write_text(json.dumps(config, indent=1) + "\n")
    Path(folder, "preprocessor_config.json").write_text(json.dumps(processor, indent=1) + "\n")


plain = {"do_resize": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": False, "do_pad": False}
model("depth", "predicted_depth", np.full((1, 3, 1, 1), 1 / 3), pool=False)
configs("depth", {"model_type": "depth_anything", "architectures": ["DepthAnythingForDepthEstimation"]},
        plain | {"image_processor_type": "DPTImageProcessor", "size": {"height": 56, "width": 56},
                 "ensure_multiple_of": 14, "keep_aspect_ratio": False, "resample": 3})
model("segmentation", "logits", np.eye(3).reshape(3, 3, 1, 1), pool=True)
configs("segmentation", {"model_type": "segformer", "architectures": ["SegformerForSemanticSegmentation"],
                         "id2label": {"0": "wall", "1": "building", "2": "sky"}},
        plain | {"image_processor_type": "SegformerImageProcessor", "size": {"height": 64, "width": 64}, "resample": 2})
