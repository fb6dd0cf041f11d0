"""`LIMITS`: the sizes past which a question is refused with its number, before the work is done."""

from typing import Final

MAX_WORD_CHARACTERS: Final = 64 * 1024
"""Of one word of a spec."""
MAX_BRACKET_DEPTH: Final = 32
MAX_FILE_BYTES: Final = 2**20
"""Of a file of layers, or of standard input."""
MAX_HEADER_BYTES: Final = 2**28
"""Of the graph in an exported model, and of the header of a file of weights."""
MAX_SAVE_BYTES: Final = 2**26
"""Of a file of saved rows."""
MAX_WORDS: Final = 10_000
"""Of a file of layers."""
MAX_IMAGE_SIDE: Final = 1_000_000
"""Of an image, or of an object in one, in pixels."""
MAX_COPIES: Final = 10_000
"""Of one layer, by repeat= or times=."""
MAX_STEPS: Final = 100_000
"""Of all layers and their parts."""
MAX_DIGITS: Final = 18
"""Of a whole number: what int64 holds."""
MAX_MESSAGE_WORD: Final = 200
"""Characters of a word in a message: what is longer is cut in its middle."""
MAX_MESSAGE_CHARACTERS: Final = 2_000
MAX_SIZE: Final = 2**40
"""Of one axis of an input."""
MAX_RANGE_VALUE: Final = 2**31 - 1
"""Of a number in a range, so that products of two fit in 64 bits."""
MAX_RANGE_VALUES: Final = 10**8
"""Of one range."""
MAX_LISTED_VALUES: Final = 10**6
"""Of a list that has ranges in it."""
MAX_COMBINATIONS: Final = 10**10
"""Of the ranges of one sweep."""
MAX_SORTED_ROWS: Final = 5_000_000
"""Of a sweep that is sorted whole."""
MAX_DOCUMENT_ROWS: Final = 1_000_000
"""Of a sweep in one JSON document; lines have no limit."""
MAX_DRAWN_ROWS: Final = 20_000
"""Of a sweep that is drawn."""
MAX_TIMED_ROWS: Final = 100_000
"""Of a sweep that is timed."""
MAX_MODEL_INPUTS: Final = 100_000
"""Of a model in a sweep."""
MAX_RATES: Final = 10_000
"""Of one stack of dilated layers."""
MAX_NAMED_KERNEL: Final = 129
"""The widest kernel by name."""
MAX_KERNEL_VALUES: Final = 2**16
MAX_KERNEL_BYTES: Final = 2**24
"""Of a file that holds a kernel."""
MAX_KERNEL_DIGITS: Final = 60
"""Of one number of a kernel that is split."""
MAX_MATRIX_ENTRIES: Final = 200_000
MAX_MATRIX_LINES: Final = 2**20
"""Of rows and columns of a matrix that is listed, together."""
MAX_WIRE_CELLS: Final = 2**27
"""Of pairs of an element marked and one read, behind one step."""
MAX_EXACT_WORK: Final = 1_000_000
"""Of operations on fractions, for the exact rank of a kernel."""
MAX_SYMBOLIC_STEPS: Final = 2_000
"""Of a layer whose formulas are derived."""
MAX_SWEEP: Final = 20_000_000
"""Of sizes through steps, where inputs that fit a stack are searched."""
MAX_SOLUTIONS: Final = 100_000
MAX_DEPTH: Final = 32
MAX_MODEL_SIZES: Final = 64
"""Of inputs that a model is run on to see whether they fit."""
"""Of one question about sizes."""
MAX_REPAIR_LAYERS: Final = 200
"""Of a stack for which rates without holes are searched."""
MAX_REPAIR_STEPS: Final = 50_000
"""Of that search: partial lists tried."""
MAX_WAY_POSITIONS: Final = 2**18
"""Of one axis, to each of which the ways are counted."""
MAX_COUNT_DIGITS: Final = 4_000
"""Of a number of ways, to be written out."""
MAX_WAY_CELLS: Final = 2**20
"""Of a map on which branches meet."""
MAX_PHASES: Final = 2**17
"""Of a receptive field that differs from output to output."""
MAX_FIELD_STEPS: Final = 2**22
"""Of positions looked up for one layer of such a field."""
MAX_RATE_FIELD: Final = 10_000_000
"""Of a stack of dilation rates, every position of which is marked."""
MAX_RATE_WAYS: Final = 2**18
"""Of positions, to each of which the ways through a stack of rates are counted."""
MAX_WAYS_BYTES: Final = 2 * 10**9
"""Of what is moved to count them: positions x bytes of a count x layers."""
MAX_THREADS: Final = 1024
MAX_BATCH: Final = 2**20
MAX_VARIANTS: Final = 500
"""Of batch sizes in one run."""
MAX_SEEN_RUNS: Final = 2**18
"""Of positions that one output sees, along one axis."""
MAX_SEEN_BOXES: Final = 1024
"""Of such runs per axis, one for each branch that sees other positions."""
MAX_DESIGN_FIELD: Final = 1_000_000
MAX_DESIGN_LAYERS: Final = 100
"""Of rates that are searched for a field."""

LIMITS: Final[dict[str, dict[str, int]]] = {
    "what is read": {
        "bytes of a file of layers, or of standard input": MAX_FILE_BYTES,
        "characters of one word": MAX_WORD_CHARACTERS,
        "depth of brackets": MAX_BRACKET_DEPTH,
        "digits of a whole number": MAX_DIGITS,
        "words of a file of layers": MAX_WORDS,
        "bytes of a file of saved rows": MAX_SAVE_BYTES,
        "bytes of an exported graph, or of the header of weights": MAX_HEADER_BYTES,
        "bytes of a file that holds a kernel": MAX_KERNEL_BYTES,
        "values of a kernel": MAX_KERNEL_VALUES,
        "digits of one value of a kernel": MAX_KERNEL_DIGITS,
        "side of a kernel by name": MAX_NAMED_KERNEL,
        "characters of a word in a message": MAX_MESSAGE_WORD,
        "characters of a message": MAX_MESSAGE_CHARACTERS,
    },
    "layers": {
        "size of one axis of an input": MAX_SIZE,
        "side of an image or object in pixels (--image, --object)": MAX_IMAGE_SIDE,
        "copies of a layer by repeat=, times= or N x": MAX_COPIES,
        "steps of all layers": MAX_STEPS,
        "depth of parts (--depth)": MAX_DEPTH,
        "steps of a layer whose formulas are derived (explain)": MAX_SYMBOLIC_STEPS,
    },
    "ranges (sweep)": {
        "number in a range": MAX_RANGE_VALUE,
        "values of a range": MAX_RANGE_VALUES,
        "values of a list with ranges in it": MAX_LISTED_VALUES,
        "combinations": MAX_COMBINATIONS,
        "rows that are sorted without --top": MAX_SORTED_ROWS,
        "rows of a JSON document": MAX_DOCUMENT_ROWS,
        "rows that are drawn": MAX_DRAWN_ROWS,
        "rows that are timed": MAX_TIMED_ROWS,
        "inputs of a model": MAX_MODEL_INPUTS,
    },
    "receptive fields (rf)": {
        "outputs whose fields are written out one by one": MAX_PHASES,
        "positions looked up for one layer": MAX_FIELD_STEPS,
        "runs of positions that one output sees (--unit)": MAX_SEEN_RUNS,
        "branches that see other positions (--unit)": MAX_SEEN_BOXES,
    },
    "checkerboards": {
        "positions of one axis": MAX_WAY_POSITIONS,
        "positions of a map on which branches meet": MAX_WAY_CELLS,
        "digits of a number of ways": MAX_COUNT_DIGITS,
    },
    "dilation rates": {
        "rates": MAX_RATES,
        "positions of a field": MAX_RATE_FIELD,
        "positions to which ways are counted": MAX_RATE_WAYS,
        "bytes moved to count them": MAX_WAYS_BYTES,
        "layers for which --suggest searches": MAX_REPAIR_LAYERS,
        "steps of that search": MAX_REPAIR_STEPS,
        "field that is designed": MAX_DESIGN_FIELD,
        "layers that are designed": MAX_DESIGN_LAYERS,
    },
    "sizes (solve)": {
        "solutions": MAX_SOLUTIONS,
        "sizes times steps that are swept": MAX_SWEEP,
        "sizes that a model is tried on": MAX_MODEL_SIZES,
    },
    "kernels and matrices": {
        "operations on fractions for an exact rank": MAX_EXACT_WORK,
        "non-zeros of a matrix": MAX_MATRIX_ENTRIES,
        "rows and columns of a matrix": MAX_MATRIX_LINES,
        "pairs of elements behind one step of a picture": MAX_WIRE_CELLS,
    },
    "profile": {
        "threads": MAX_THREADS,
        "batch": MAX_BATCH,
        "batch sizes in one run": MAX_VARIANTS,
    },
}
"""Every limit under what it is about: `convcalc help limits` lists them."""
