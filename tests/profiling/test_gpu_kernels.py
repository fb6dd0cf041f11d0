"""Names of GPU kernels in words that fit a table.

records/h200.json: what one NVIDIA H200 gave under torch 2.11 (cu130) for ten layers; other names are those that cuDNN,
CUTLASS, cuBLAS and torch give their kernels on other GPUs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from convcalc.profiling.gpu_kernels import arithmetic, is_layout_change, short_name

ROWS = json.loads((Path(__file__).parent / "records/h200.json").read_text(encoding="utf-8"))["rows"]
CHANGES = "cudnn nchwToNhwc"
SHORT = {
    ("Conv2d(64, 64, 3, padding=1)", "fp32"): [CHANGES, "cudnn implicit_gemm tf32 nhwc 128x64x32", "at::native add"],
    ("Conv2d(64, 64, 3, padding=1)", "bf16"): [
        CHANGES, "memset", "cudnn implicit_gemm bf16 nhwc 256x64x32", "cudnn nhwcToNchw", "at::native add",
    ],
    ("Conv2d(256, 64, 1)", "fp32"): ["memset", "cublas gemm tf32 128x64x32", "at::native add"],
    ("Conv2d(96, 96, 7, padding=3, groups=96)", "bf16"): ["at::native conv_depthwise2d"],
    ("BatchNorm2d(64)", "bf16"): [
        "at::native direct_copy", "at::native batch_norm_calc_invstd", "at::native batch_norm",
    ],
    ("ReLU()", "fp32"): ["at::native clamp_scalar"],
    ("ConvTranspose2d(64, 32, 4, stride=2, padding=1)", "bf16"): [
        CHANGES, "memset", "cudnn dgrad implicit_gemm bf16 nhwc 256x64x64", "cudnn nhwcToNchw", "at::native add",
    ],
    ("Conv2d(512, 512, 3, padding=1)", "fp32"): [
        CHANGES, "memset", "cudnn implicit_gemm tf32 nhwc 64x32x64", "at::native add",
    ],
    ("Conv2d(3, 64, 7, stride=2, padding=3)", "bf16"): [
        "memset", CHANGES, "cutlass bf16 nhwc 256x64", "cudnn nhwcToNchw", "at::native add",
    ],
    ("MaxPool2d(3, 2, 1)", "fp32"): ["at::native max_pool_nchw"],
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['spec']} {row['dtype']}")
def test_every_kernel_of_the_record_has_a_short_name(row: dict[str, Any]) -> None:
    events = [name for name, device, *_ in row["events"] if "CUDA" in device]
    assert [short_name(name) for name in events] == SHORT[row["spec"], row["dtype"]]
    changes = [name for name in events if is_layout_change(name)]
    assert {short_name(name) for name in changes} <= {CHANGES, "cudnn nhwcToNchw"}


@pytest.mark.parametrize(
    ("name", "short", "numbers"),
    [
        ("nvjet_hsh_448x64_64x4_2x1_v_bz_coopA_NNT", "cublas nvjet 448x64", ""),
        ("cutlass_80_simt_sgemm_128x64_8x5_nn_align1", "cutlass gemm fp32 128x64", "fp32"),
        ("cutlass_80_wmma_tensorop_f16_s161616gemm_f16_32x32_32x1_nn_align8", "cutlass gemm fp16 32x32", "fp16"),
        ("cutlass_tensorop_s1688fprop_optimized_tf32_128x128_16x4_nhwc_align4", "cutlass tf32 nhwc 128x128", "tf32"),
        ("void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_128x64_32x6_nn_align8>(Params)",
         "cutlass gemm bf16 128x64", "bf16"),
        ("sm80_xmma_wgrad_implicit_gemm_indexed_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize128x128x32_stage3_cudnn",
         "cudnn wgrad implicit_gemm fp16 nhwc 128x128x32", "fp16"),
        ("ampere_sgemm_128x64_nn", "ampere_sgemm_128x64_nn", "fp32"),
        ("void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, at::native::MeanOps<float> > >(x)",
         "at::native mean", ""),
        ("Memcpy DtoD (Device -> Device)", "memcpy DtoD", ""),
        ("triton_poi_fused_add_relu_0", "triton_poi_fused_add_relu_0", ""),
        ("void some::inner::very_long_name_of_a_kernel_that_nobody_has_seen_before<int>(int)",
         "inner::very_long_name_of_a_kernel_that_nobody", ""),
    ],
)  # fmt: skip
def test_names_of_other_libraries_and_gpus(name: str, short: str, numbers: str) -> None:
    assert (short_name(name)[:44], arithmetic(name)) == (short[:44], numbers)
    assert len(short_name(name)) <= 48
