"""Networks of torchvision, timm and transformers, where they are installed (.ci/constraints-models.txt).

torch is the judge: multiply-adds are half of FlopCounterMode's FLOPs on the meta device, parameters the sum over the
model's, shapes those of the forward itself; no step is "at least".
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from convcalc.analyses.counts.macs import at_least, macs
from convcalc.analyses.counts.params import params
from convcalc.pytorch.building import build
from convcalc.pytorch.constants import tensors_of
from convcalc.pytorch.load import model_input
from convcalc.pytorch.trace import trace
from convcalc.pytorch.zoos import entry

NETWORKS = {
    "torchvision": (
        "alexnet vgg11_bn resnet18 resnext50_32x4d densenet121 googlenet inception_v3 mobilenet_v2"
        " mobilenet_v3_large mnasnet0_5 shufflenet_v2_x1_0 squeezenet1_0 efficientnet_b0 efficientnet_v2_s"
        " regnet_y_400mf convnext_tiny vit_b_16 swin_t swin_v2_t maxvit_t fcn_resnet50 deeplabv3_mobilenet_v3_large"
        " lraspp_mobilenet_v3_large r3d_18 r2plus1d_18 s3d mvit_v2_s swin3d_t raft_small"
    ),
    "timm": (
        "convnextv2_atto ghostnet_100 levit_128s mobilenetv4_hybrid_medium mvitv2_tiny nfnet_f0 pit_ti_224"
        " pvt_v2_b0 resnest14d skresnet18 tresnet_m xcit_nano_12_p16_224 lambda_resnet26rpt_256 halonet26t"
        " convit_tiny coat_tiny crossvit_9_240 davit_tiny efficientvit_m0 fastvit_sa12 gcvit_xxtiny hrnet_w18_small"
        " mixer_s32_224 repvgg_a0"
    ),
    "transformers": (
        "ResNetModel MobileNetV1Model MobileNetV2Model ConvNextModel ConvNextV2Model RegNetModel SegformerModel"
        " ViTModel PoolFormerModel MobileViTModel Dinov2Model BeitModel LevitModel SwinModel Swinv2Model"
        " CLIPVisionModel BertModel DistilBertModel GPT2Model T5EncoderModel MobileBertModel BitModel CvtModel"
        " FocalNetModel PvtV2Model DeiTModel SiglipVisionModel HieraModel"
    ),
}
CASES = [(zoo, name) for zoo, names in NETWORKS.items() for name in names.split()]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("zoo", "name"), CASES, ids=[name for _, name in CASES])
def test_a_network_is_read_to_the_digit(zoo: str, name: str) -> None:
    try:
        importlib.import_module(zoo)
    except Exception as error:
        pytest.skip(f"{zoo} cannot be imported here: {error}")
    network = entry(zoo, name)
    model = build(network.factory, {}, name).model.eval()
    inputs = [model_input(tensor) for tensor in network.default_inputs(model)]
    graph = trace(model, *inputs)
    tensors = [torch.zeros(given.shape, dtype=given.dtype, device="meta") for given in inputs]
    pairs = list(zip(inputs, tensors, strict=True))
    keyword = {given.name: tensor for given, tensor in pairs if given.name}
    counter = FlopCounterMode(display=False)
    with warnings.catch_warnings(), counter:
        result: Any = model.to("meta")(*(tensor for given, tensor in pairs if not given.name), **keyword)
    assert macs(graph) == counter.get_total_flops() // 2
    assert params(graph).total == sum(parameter.numel() for parameter in model.parameters())
    assert not at_least(graph)
    if zoo != "transformers":
        assert [value.shape for value in graph.outputs] == [tuple(tensor.shape) for tensor in tensors_of(result)]
