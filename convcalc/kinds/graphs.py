"""Convolutions on graphs: features travel along edges."""

from typing import Literal

from convcalc.builder import Builder
from convcalc.graph import Value
from convcalc.kinds.parts import layers_in
from convcalc.registry import kind
from convcalc.sizes import Size


def _adjacency(b: Builder, x: Value, edges: Size, self_loops: bool, loops: Size = 0) -> Value:
    """The normalised adjacency (N, N): one entry per directed edge, and one per node for its loop."""
    nodes = x.shape[0]
    b.require(edges >= 1, "edges ({e}) must be at least 1", e=edges)
    b.require(loops >= 0, "loops ({n}) must not be negative", n=loops)
    b.require(loops <= edges, "{n} of {e} edges cannot be loops", n=loops, e=edges)
    entries = edges - loops + nodes if self_loops else edges
    return b.constant("adjacency", (nodes, nodes), 1.0, nonzeros=entries)


@kind(source="arXiv:1609.02907 (tkipf/gcn, tkipf/pygcn, PyG)", spatial=0, axis=-1, rows="nodes")
def gcn(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    edges: Size,
    loops: Size = 0,
    self_loops: bool = True,
    order: Literal["xw_first", "ax_first", "auto"] = "xw_first",
    bias: bool = True,
) -> Value:
    """Mix the features of every node by one matrix and average them over its neighbours: A X W + b.

    The input is N x F (nodes x features); edges counts directed edges (an undirected one twice), loops how many of
    them are already loops. self_loops adds the missing ones (DGL adds none): Z entries in A. xw_first multiplies by W
    first (tkipf, PyG), ax_first aggregates first, auto takes the narrower (DGL: xw_first where F > F'). A's
    normalisation changes values, not counts.

    Used for: node classification.
    Gains: F F' parameters whatever the graph; work linear in its edges.
    Costs: scattered memory access; each layer sees one hop.
    Split: none. Transform: a matrix shared by all nodes. Merge: a weighted sum over neighbours.
    Limit: N F F' + Z F' MACs (ax_first: Z F); a dense adjacency would take N^2 F'.
    """
    wide = x.shape[-1]
    adjacency = _adjacency(b, x, edges, self_loops, loops)
    mixes_first = order == "xw_first" or (order == "auto" and b.decide(wide > out_channels))
    y = x
    if not mixes_first:
        y = b.contract("nm,mf->nf", adjacency, y)
    y = b.linear(y, out_channels, bias=False)
    if mixes_first:
        y = b.contract("nm,mf->nf", adjacency, y)
    return b.elementwise("add_bias", y, b.parameter("bias", (out_channels,), "bias")) if bias else y


@kind(source="arXiv:1606.09375 (PyG ChebConv)", spatial=0, axis=-1, rows="nodes")
def cheb(
    b: Builder,
    x: Value,
    *,
    out_channels: Size,
    edges: Size,
    num_terms: int = 3,
    bias: bool = True,
) -> Value:
    """Filter features on a graph by a polynomial of its Laplacian: num_terms Chebyshev terms, each with its matrix.

    The input is N x F; edges counts directed edges; the scaled Laplacian has edges + N entries. num_terms is PyG's K
    (the TensorFlow code's max_degree + 1).

    Used for: spectral graph networks; GCN is its first-order simplification.
    Gains: sees num_terms - 1 hops in one layer.
    Costs: K F F' parameters, and K - 1 dependent propagations F wide.
    Split: none. Transform: T_k = 2 L T_(k-1) - T_(k-2), a matrix for each. Merge: addition.
    Limit: K N F F' + (K-1) Z F MACs.
    """
    laplacian = _adjacency(b, x, edges, self_loops=True)
    terms = [x]
    total = None
    for number in layers_in("num_terms", num_terms):
        if number == 1:
            terms.append(b.contract("nm,mf->nf", laplacian, x))
        elif number > 1:
            product = b.contract("nm,mf->nf", laplacian, terms[-1])
            terms.append(b.elementwise("subtract", b.elementwise("multiply", product, other=2), terms[-2]))
        y = b.linear(terms[number], out_channels, bias=False)
        total = y if total is None else b.add(total, y)
    assert total is not None
    return b.elementwise("add_bias", total, b.parameter("bias", (out_channels,), "bias")) if bias else total
