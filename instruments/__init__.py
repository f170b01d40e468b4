"""Lab instruments: links, source-measure units, switch matrices, safety limits and a virtual bench.

Instruments are back ends of the contract in `hil.device`: they will register themselves under the entry point group
`hil.devices` as ``visa`` and be opened as ``visa:...``. They may import `sim`, whose devices sit on the virtual bench.
"""
