#!/usr/bin/env python3
"""Makes types.json: blocks of every supported tensor type as llama.cpp quantises them, the numbers that it reads from
them, and the logits of a small model that is built of these blocks.

    venv/bin/python make_types.py        (README.md says which packages; a second run gives the same bytes)

A whole quantised model is too large for this folder. So every row of every matrix is put together from 8 runs of 256
numbers; llama.cpp quantises rows block by block, which makes the quantised rows runs of the same 8 quantised units. The
file holds the units, and a test builds the model of them again. Which unit stands where follows from SplitMix64.
"""

import ctypes
import pathlib
import tempfile

import gguf
import llama_cpp as ll
import numpy as np

from llama_reference import Reference
from make_goldens import HERE, REFERENCE, six, write

UNITS, UNIT = 8, 256
SHAPE = {"layers": 2, "width": 512, "ff": 768, "heads": 8, "kv_heads": 2, "head_dim": 64, "vocab": 40, "context": 64}
PROMPT = [3, 17, 0, 39, 25, 25, 8, 31, 12, 4, 17, 38]
ROWS = [0, 5, 11]  # positions of the prompt whose logits are kept
VALUES_OF = [1, 6]  # units whose numbers are kept
FILE_TYPES = {  # name: llama_ftype; matrices, embedding and head all become this type
    "F32": ll.LLAMA_FTYPE_ALL_F32, "F16": ll.LLAMA_FTYPE_MOSTLY_F16, "BF16": ll.LLAMA_FTYPE_MOSTLY_BF16,
    "Q4_0": ll.LLAMA_FTYPE_MOSTLY_Q4_0, "Q4_1": ll.LLAMA_FTYPE_MOSTLY_Q4_1, "Q5_0": ll.LLAMA_FTYPE_MOSTLY_Q5_0,
    "Q5_1": ll.LLAMA_FTYPE_MOSTLY_Q5_1, "Q8_0": ll.LLAMA_FTYPE_MOSTLY_Q8_0, "Q4_K": ll.LLAMA_FTYPE_MOSTLY_Q4_K_S,
    "Q5_K": ll.LLAMA_FTYPE_MOSTLY_Q5_K_S, "Q6_K": ll.LLAMA_FTYPE_MOSTLY_Q6_K,
}
MASK = (1 << 64) - 1


def unit_choice(seed, count):
    """`count` numbers below UNITS."""
    out = []
    for _ in range(count):
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        out.append((z ^ (z >> 31)) % UNITS)
    return out


def float_units():
    """Numbers of different spread, some off centre, some with outliers."""
    random = np.random.default_rng(4)
    units = random.normal(size=(UNITS, UNIT)) * 0.03 * (1 + np.arange(UNITS) / UNITS)[:, None]
    units += 0.01 * (np.arange(UNITS) % 3 - 1)[:, None]
    units[2, 100] = 0.9
    units[5, ::64] = -0.4
    units[7, 32:64] = 0
    return units.astype(np.float32)


def matrices():
    """(name, outputs, inputs) in the order that gives them their seeds."""
    s = SHAPE
    q, kv = s["heads"] * s["head_dim"], s["kv_heads"] * s["head_dim"]
    out = [("token_embd", s["vocab"], s["width"]), ("output", s["vocab"], s["width"])]
    for i in range(s["layers"]):
        out += [(f"blk.{i}.attn_q", q, s["width"]), (f"blk.{i}.attn_k", kv, s["width"]),
                (f"blk.{i}.attn_v", kv, s["width"]), (f"blk.{i}.attn_output", s["width"], q),
                (f"blk.{i}.ffn_gate", s["ff"], s["width"]), (f"blk.{i}.ffn_up", s["ff"], s["width"]),
                (f"blk.{i}.ffn_down", s["width"], s["ff"])]
    return out


def write_model(path, units):
    s = SHAPE
    w = gguf.GGUFWriter(path, "llama")
    w.add_tokenizer_model("no_vocab")
    w.add_vocab_size(s["vocab"])
    w.add_block_count(s["layers"])
    w.add_embedding_length(s["width"])
    w.add_feed_forward_length(s["ff"])
    w.add_head_count(s["heads"])
    w.add_head_count_kv(s["kv_heads"])
    w.add_key_length(s["head_dim"])
    w.add_value_length(s["head_dim"])
    w.add_rope_dimension_count(s["head_dim"])
    w.add_context_length(s["context"])
    w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_freq_base(1e4)
    for seed, (name, outputs, inputs) in enumerate(matrices()):
        w.add_tensor(f"{name}.weight", units[unit_choice(seed, outputs * inputs // UNIT)].reshape(outputs, inputs))
    norm = (1 + (np.arange(s["width"]) % 7 - 3) / 16).astype(np.float32)
    names = ["output_norm"] + [f"blk.{i}.{n}_norm" for i in range(s["layers"]) for n in ("attn", "ffn")]
    for name in names:
        w.add_tensor(f"{name}.weight", norm)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def quantise(source, target, name):
    params = ll.llama_model_quantize_default_params()
    params.ftype = FILE_TYPES[name]
    params.nthread = 2
    params.pure = True  # no mixtures
    params.allow_requantize = True
    number = gguf.GGMLQuantizationType[name].value
    params.output_tensor_type = params.token_embedding_type = number
    if ll.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)) != 0:
        raise SystemExit(f"make_types: llama.cpp cannot quantise to {name}")


def quantised_units(path, name):
    """The units in the file, after a check that every matrix consists of them."""
    units = {}
    tensors = {t.name: t for t in gguf.GGUFReader(path).tensors}
    for seed, (tensor, outputs, inputs) in enumerate(matrices()):
        t = tensors[f"{tensor}.weight"]
        assert t.tensor_type.name == name, (tensor, t.tensor_type)
        rows = np.ascontiguousarray(t.data).view(np.uint8).reshape(outputs * inputs // UNIT, -1)
        for unit, data in zip(unit_choice(seed, len(rows)), rows):
            assert units.setdefault(unit, data.tobytes()) == data.tobytes(), (name, tensor, unit)
    return [units[u] for u in range(UNITS)]


class Traits(ctypes.Structure):
    """The start of ggml_type_traits, up to the function that unpacks a type."""
    _fields_ = [("name", ctypes.c_char_p), ("block", ctypes.c_int64), ("interleave", ctypes.c_int64),
                ("size", ctypes.c_size_t), ("quantised", ctypes.c_bool), ("to_float", ctypes.c_void_p)]


def unpacked(name, data):
    """256 float32 numbers, by ggml's own function for the type."""
    if name == "F32":
        return np.frombuffer(data, np.float32)
    base = ctypes.CDLL(str(pathlib.Path(ll.llama_cpp._lib._name).parent / "libggml-base.so"))
    base.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
    traits = base.ggml_get_type_traits(gguf.GGMLQuantizationType[name].value).contents
    assert traits.name.decode().upper() == name and len(data) == UNIT // traits.block * traits.size
    to_float = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.POINTER(ctypes.c_float), ctypes.c_int64)(traits.to_float)
    out = (ctypes.c_float * UNIT)()
    to_float(data, out, UNIT)
    return np.array(out, np.float32)


def logits(path, exact):
    ref = Reference(path, context=SHAPE["context"], kv_float32=exact)
    rows = ref.decode(PROMPT, 0, all_rows=True)[ROWS]
    ref.close()
    return [[six(v) for v in row] for row in rows]


def main():
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_model(folder / "source.gguf", float_units())
        for name in FILE_TYPES:
            made, floats = folder / f"{name}.gguf", folder / f"{name}-f32.gguf"
            quantise(folder / "source.gguf", made, name)
            quantise(made, floats, "F32")
            units = quantised_units(made, name)
            rows.append({
                "type": name, "number": gguf.GGMLQuantizationType[name].value,
                "units": [u.hex() for u in units],
                "values": [[u, unpacked(name, units[u]).tobytes().hex()] for u in VALUES_OF],
                "logits": logits(made, exact=False), "logits_float32": logits(floats, exact=True),
            })
    head = {"reference": REFERENCE, "shape": SHAPE, "prompt": PROMPT, "rows": ROWS}
    write("types.json", head, "types", rows)
    print(f"types.json: {(HERE / 'types.json').stat().st_size} bytes")


if __name__ == "__main__":
    main()
