"""`WEIGHTLESS`: other people's well-known classes without weights, one list for prints and code."""

from typing import Final

PASSES_ON: Final = frozenset({
    "DropPath", "StochasticDepth", "DropBlock", "DropBlock2d", "DropBlock3d", "QuantStub", "DeQuantStub",
    "FakeQuantize", "FusedMovingAvgObsFakeQuantize", "FixedQParamsFakeQuantize",
    "MinMaxObserver", "MovingAverageMinMaxObserver", "PerChannelMinMaxObserver", "HistogramObserver",
    "MovingAveragePerChannelMinMaxObserver", "FixedQParamsObserver", "PlaceholderObserver", "NoopObserver",
    "RecordingObserver", "ReuseInputObserver",
})  # fmt: skip
"""Well-known classes without weights that hand their input on in inference."""
WEIGHTLESS: Final = frozenset({
    "None", "NoneType", "Permute", "Concat", "FrozenBatchNorm2d", "FloatFunctional", "FXFloatFunctional", "QFunctional",
    "ROIAlign", "RoIAlign", "ROIAlignRotated", "ROIPool", "RoIPool", "PSRoIAlign", "PSRoIPool", "MultiScaleRoIAlign",
    "GeneralizedRCNNTransform", "AnchorGenerator", "DefaultAnchorGenerator", "DefaultBoxGenerator",
    "Resize", "CenterCrop", "Normalize", "Rearrange", "Reduce", "BlurPool2d", "PatchDropout",
    "MaxPool2dSame", "AvgPool2dSame", "SelectAdaptivePool2d", "FastAdaptiveAvgPool",
    "LastLevelMaxPool", "WindowPartition", "WindowDepartition", "SwapAxes", "CorrBlock", "RadixSoftmax", "SelectSeq",
    "SpaceToDepth", "MemoryEfficientSwish", "GELUTanh", "GELUActivation", "NewGELUActivation", "FastGELUActivation",
    "QuickGELUActivation", "PytorchGELUTanh", "ClippedGELUActivation", "AccurateGELUActivation", "SiLUActivation",
    "MishActivation", "LinearActivation", "LaplaceActivation", "ReLUSquaredActivation",
    "L1Loss", "NLLLoss", "KLDivLoss", "MSELoss", "BCELoss", "BCEWithLogitsLoss", "NLLLoss2d", "CosineEmbeddingLoss",
    "CTCLoss", "HingeEmbeddingLoss", "MarginRankingLoss", "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss",
    "MultiMarginLoss", "SmoothL1Loss", "HuberLoss", "SoftMarginLoss", "CrossEntropyLoss", "TripletMarginLoss",
    "TripletMarginWithDistanceLoss", "PoissonNLLLoss", "GaussianNLLLoss", "PairwiseDistance", "CosineSimilarity",
}) | PASSES_ON  # fmt: skip
"""Well-known classes without weights that are no layer here: the one list of them."""
