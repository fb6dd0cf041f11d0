"""The sizes past which a question is refused before any work is done."""

from typing import Final

MAX_WORD_CHARACTERS: Final = 64 * 1024
"""Of one word of a spec."""
MAX_BRACKET_DEPTH: Final = 32
MAX_FILE_BYTES: Final = 2**20
"""Of a file of layers, or of standard input."""
MAX_SAVE_BYTES: Final = 2**26
"""Of a file of saved rows."""
MAX_WORDS: Final = 10_000
"""Of a file of layers."""
MAX_COPIES: Final = 10_000
"""Of one layer, by repeat= or times=."""
MAX_STEPS: Final = 150_000
"""Of all layers and their parts."""
MAX_DIGITS: Final = 18
"""Of a whole number: what int64 holds."""
MAX_SHOWN_WORD: Final = 200
"""Characters of a word in a message: what is longer is cut in its middle."""
MAX_MESSAGE_CHARACTERS: Final = 2_000
MAX_SIZE: Final = 2**40
"""Of one axis of an input."""
MAX_RATES: Final = 10_000
"""Of one stack of dilated layers."""
MAX_NAMED_KERNEL: Final = 129
"""The widest kernel by name."""
MAX_KERNEL_VALUES: Final = 1_000_000
MAX_KERNEL_BYTES: Final = 2**24
"""Of a file that holds a kernel."""
MAX_KERNEL_DIGITS: Final = 60
"""Of one number of a kernel that is split."""
MAX_MATRIX_ENTRIES: Final = 200_000
MAX_MATRIX_LINES: Final = 2**20
"""Of rows and columns of a matrix that is listed, together."""
MAX_EXACT_WORK: Final = 1_000_000
"""Of operations on fractions, for the exact rank of a kernel."""
MAX_SYMBOLIC_STEPS: Final = 2_000
"""Of a layer whose formulas are derived."""
MAX_SWEPT: Final = 20_000_000
"""Of sizes through steps, where inputs that fit a stack are searched."""
MAX_SOLUTIONS: Final = 100_000
"""Of one question about sizes."""
MAX_REPAIRED_LAYERS: Final = 64
"""Of a stack for which rates without holes are searched."""
MAX_REPAIR_STEPS: Final = 50_000
"""Of that search: partial lists tried."""
MAX_COUNTED_POSITIONS: Final = 2**18
"""Of one axis, to each of which the ways are counted."""
MAX_COUNTED_CELLS: Final = 2**20
"""Of a map on which branches meet."""
MAX_SEEN_RUNS: Final = 2**18
"""Of positions that one output sees, along one axis."""
MAX_SEEN_BOXES: Final = 1024
"""Of such runs per axis, one for each branch that sees other positions."""
MAX_DESIGN_FIELD: Final = 1_000_000
MAX_DESIGN_LAYERS: Final = 100
"""Of rates that are searched for a field."""
