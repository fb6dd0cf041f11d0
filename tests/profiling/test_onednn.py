"""oneDNN's verbose lines, as torch 2.13 (oneDNN 3.12) and 2.6 (oneDNN 3.5) printed them on an AVX-512 machine."""

from __future__ import annotations

import pytest

from convcalc.profiling.onednn import benchdnn, executions, middle

HEAD = """onednn_verbose,v1,info,oneDNN v3.12.0 (commit 80afa71049cd69a3df32adcccb623b12cd7baa22)
onednn_verbose,v1,info,cpu,runtime:OpenMP,nthr:1
onednn_verbose,v1,primitive,info,template:operation,engine,primitive,implementation,prop_kind,memory_descriptors,attributes,auxiliary,problem_desc,exec_time
"""
CREATE = "onednn_verbose,v1,primitive,create:cache_miss,cpu,convolution,jit:avx512_core,forward_training,src:f32:a:blocked:aBcd16b::f0 wei:f32:a:blocked:ABcd16b16a::f0 bia:undef::undef::: dst:f32:a:blocked:aBcd16b::f0,attr-scratchpad:user,alg:convolution_direct,mb1_ic64oc64_ih56oh56kh3sh1dh0ph1_iw56ow56kw3sw1dw0pw1,0.3"
REORDER = "onednn_verbose,v1,primitive,exec,cpu,reorder,jit:blk,undef,src:f32::blocked:abcd::f0 dst:f32::blocked:aBcd16b::f0,attr-scratchpad:user,,1x64x56x56,0.0410156"
CONV = "onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx512_core,forward_training,src:f32:a:blocked:aBcd16b::f0 wei:f32:a:blocked:ABcd16b16a::f0 bia:undef::undef::: dst:f32:a:blocked:aBcd16b::f0,attr-scratchpad:user,alg:convolution_direct,mb1_ic64oc64_ih56oh56kh3sh1dh0ph1_iw56ow56kw3sw1dw0pw1,1.04395"
BIASED = "onednn_verbose,v1,primitive,exec,cpu,convolution,jit_dw:avx512_core,forward_training,src:f32:a:blocked:aBcd16b::f0 wei:f32:a:blocked:Abcde16a::f0 bia:f32:a:blocked:a::f0 dst:f32:a:blocked:aBcd16b::f0,attr-scratchpad:user,alg:convolution_direct,g64mb1_ic64oc64_ih56oh56kh3sh1dh0ph1_iw56ow56kw3sw1dw0pw1,0.114014"
DECONV = "onednn_verbose,v1,primitive,exec,cpu,deconvolution,conv:any+brgconv_strided:avx512_core,forward_training,src:f32:a:blocked:acdb::f0 wei:f32:a:blocked:Acdb64a::f0 bia:undef::undef::: dst:f32:a:blocked:acdb::f0,attr-scratchpad:user,alg:deconvolution_direct,mb1_ic64oc64_ih56oh111kh3sh2dh0ph1_iw56ow111kw3sw2dw0pw1,2.46387"
WEIGHTS = "onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx512_core,backward_weights,src:f32:a:blocked:aBcd16b::f0 wei:f32:a:blocked:ABcd16b16a::f0 bia:undef::undef::: dst:f32:a:blocked:aBcd16b::f0,attr-scratchpad:user,alg:convolution_direct,mb1_ic64oc64_ih56oh56kh3sh1dh0ph1_iw56ow56kw3sw1dw0pw1,1.16211"
MATMUL = "onednn_verbose,v1,primitive,exec,cpu,matmul,brg_matmul:avx512_core_bf16,undef,src:bf16::blocked:ab::f0 wei:bf16::blocked:ab::f0 dst:bf16::blocked:ab::f0,attr-scratchpad:user,,64x576:576x64,0.0510254"
GRAPH = "onednn_verbose,v1,graph,exec,cpu,100002,misc_quasi_op,op0,data:abx,in0:f32,strict,larger_partition_kernel_t,dnnl_backend,0.1"
OLDER = "onednn_verbose,primitive,exec,cpu,convolution,jit:avx512_core,forward_training,src_f32::blocked:aBcd16b::f0 wei_f32::blocked:ABcd16b16a::f0 bia_undef::undef::: dst_f32::blocked:aBcd16b::f0,attr-scratchpad:user,alg:convolution_direct,mb1_ic64oc64_ih56oh56kh3sh1dh0ph1_iw56ow56kw3sw1dw0pw1,1.04395"


def test_only_what_ran_is_read() -> None:
    found = executions("\n".join((HEAD, CREATE, REORDER, GRAPH, CONV, "something else, exec, of another program")))
    assert [one.primitive for one in found] == ["reorder", "convolution"]
    reorder, conv = found
    assert reorder.is_reorder and not conv.is_reorder
    assert (conv.implementation, conv.direction) == ("jit:avx512_core", "forward_training")
    assert conv.seconds == pytest.approx(1.04395e-3) and reorder.seconds == pytest.approx(41.0156e-6)
    assert conv.layouts == "src aBcd16b, wei ABcd16b16a, dst aBcd16b"
    assert reorder.layouts == "src abcd, dst aBcd16b"
    assert conv.problem.startswith("mb1_ic64oc64")


@pytest.mark.parametrize(
    "text", ["", "onednn_verbose", CONV[:60], CONV.rpartition(",")[0], CONV.replace("1.04395", "fast")]
)
def test_lines_cut_off_are_passed_over(text: str) -> None:
    assert executions(text) == []


def test_older_lines_tell_the_kernel_too() -> None:
    (one,) = executions(OLDER)
    assert (one.implementation, one.layouts) == ("jit:avx512_core", "src aBcd16b, wei ABcd16b16a, dst aBcd16b")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (CONV, ["--conv", "--dir=FWD_D", "--dt=f32:f32:f32", "--stag=aBcd16b", "--wtag=ABcd16b16a", "--dtag=aBcd16b", "--alg=direct"]),
        (BIASED, ["--conv", "--dir=FWD_B", "--dt=f32:f32:f32", "g64mb1_ic64oc64_ih56oh56kh3sh1dh0ph1_iw56ow56kw3sw1dw0pw1"]),
        (DECONV, ["--deconv", "--dir=FWD_D", "--stag=acdb", "--wtag=Acdb64a"]),
        (WEIGHTS, ["--conv", "--dir=BWD_W"]),
        (MATMUL, ["--matmul", "--dt=bf16:bf16:bf16", "--stag=ab", "--wtag=ab", "--dtag=ab", "64x576:576x64"]),
    ],
)  # fmt: skip
def test_the_line_that_runs_it_again(line: str, words: list[str]) -> None:
    (one,) = executions(line)
    found = (benchdnn(one) or "").split()
    assert found[0] == "benchdnn" and found[-1] == one.problem
    assert set(words) <= set(found)


def test_what_is_fused_is_run_again_too() -> None:
    fused = BIASED.replace("attr-scratchpad:user", "attr-scratchpad:user attr-post-ops:eltwise_relu")
    found = benchdnn(executions(fused.replace("forward_training", "forward_inference"))[0]) or ""
    assert "--attr-post-ops=eltwise_relu" in found and "--dir=FWD_B" in found


def test_reorders_have_no_line_of_their_own() -> None:
    assert benchdnn(executions(REORDER)[0]) is None


def test_several_calls_are_told_as_one_with_the_median_of_each() -> None:
    def call(reorder: float, conv: float) -> str:
        return f"{REORDER.rpartition(',')[0]},{reorder}\n{CONV.rpartition(',')[0]},{conv}\n"

    found = middle(executions(call(9, 9) + call(1, 5) + call(2, 6)), 3)
    assert [(one.primitive, round(one.seconds * 1e3, 9)) for one in found] == [("reorder", 2), ("convolution", 6)]
    assert middle([], 3) == []
    odd = executions(REORDER + "\n" + call(1, 5) + call(2, 6))  # a weight laid out in the first call only
    assert [one.primitive for one in middle(odd, 2)] == ["reorder", "convolution"]
