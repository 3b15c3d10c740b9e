"""A decoder of the llama architecture, as small as one likes, and its GGUF file."""

from dataclasses import asdict, dataclass

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Shape:
    vocab: int
    width: int  # a multiple of 32, the block of the quantised types
    layers: int
    heads: int
    kv_heads: int
    head_dim: int  # a multiple of 16
    ff: int  # a multiple of 32
    context: int = 2048
    rope_base: float = 10000.0
    eps: float = 1e-5

    def parameters(self):
        attention = self.width * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return self.vocab * self.width + self.layers * (attention + 3 * self.width * self.ff)

    def work(self, window, head_rows=None):
        """Floating-point operations of training on one token: 6 a weight, and attention over half a window."""
        head = (self.vocab if head_rows is None else head_rows) * self.width
        layers = self.parameters() - self.vocab * self.width
        return 6 * (layers + head + self.layers * self.heads * self.head_dim * window)


def rotate(x, cos, sin):
    """Pairs of neighbours turn together, as GGUF's llama does. x: [batch, head, position, head_dim]."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Layer(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.shape = s
        self.attn_norm = nn.Parameter(torch.ones(s.width))
        self.attn_q = nn.Linear(s.width, s.heads * s.head_dim, bias=False)
        self.attn_k = nn.Linear(s.width, s.kv_heads * s.head_dim, bias=False)
        self.attn_v = nn.Linear(s.width, s.kv_heads * s.head_dim, bias=False)
        self.attn_output = nn.Linear(s.heads * s.head_dim, s.width, bias=False)
        self.ffn_norm = nn.Parameter(torch.ones(s.width))
        self.ffn_gate = nn.Linear(s.width, s.ff, bias=False)
        self.ffn_up = nn.Linear(s.width, s.ff, bias=False)
        self.ffn_down = nn.Linear(s.ff, s.width, bias=False)

    def forward(self, x, cos, sin):
        s, (batch, length, _) = self.shape, x.shape
        h = F.rms_norm(x, (s.width,), self.attn_norm, s.eps)
        q = self.attn_q(h).view(batch, length, s.heads, s.head_dim).transpose(1, 2)
        k = self.attn_k(h).view(batch, length, s.kv_heads, s.head_dim).transpose(1, 2)
        v = self.attn_v(h).view(batch, length, s.kv_heads, s.head_dim).transpose(1, 2)
        a = F.scaled_dot_product_attention(
            rotate(q, cos, sin), rotate(k, cos, sin), v, is_causal=True, enable_gqa=s.heads != s.kv_heads
        )
        x = x + self.attn_output(a.transpose(1, 2).reshape(batch, length, s.heads * s.head_dim))
        h = F.rms_norm(x, (s.width,), self.ffn_norm, s.eps)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Llama(nn.Module):
    """The head is the embedding, transposed."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocab, shape.width)
        self.blk = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = nn.Parameter(torch.ones(shape.width))
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02)
            if "attn_output" in name or "ffn_down" in name:
                nn.init.zeros_(p)

    def hidden(self, tokens):
        """[batch, length] -> [batch, length, width], what the head reads."""
        s = self.shape
        steps = torch.arange(tokens.shape[1], dtype=torch.float32)
        angles = steps[:, None] / s.rope_base ** (torch.arange(0, s.head_dim, 2) / s.head_dim)
        cos, sin = angles.cos(), angles.sin()
        x = self.token_embd(tokens)
        for layer in self.blk:
            x = layer(x, cos, sin)
        return F.rms_norm(x, (s.width,), self.output_norm, s.eps)

    def forward(self, tokens):
        return F.linear(self.hidden(tokens), self.token_embd.weight)


def optimizers(model, rate, head_rate):
    """Muon for the matrices of the layers (Jordan, 2024), AdamW for the embedding and the norms."""
    matrices = [p for p in model.blk.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if not any(p is m for m in matrices)]
    return [
        torch.optim.Muon(matrices, lr=rate, momentum=0.95, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=head_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]


def save(path, model, optimisers, **progress):
    """A checkpoint, put in place in one move."""
    state = {"shape": asdict(model.shape), "model": model.state_dict(), "progress": progress}
    state["optimizers"] = [o.state_dict() for o in optimisers]
    torch.save(state, f"{path}.new")
    path.with_name(f"{path.name}.new").replace(path)


def load(path):
    """The model of a checkpoint, and the whole checkpoint."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = Llama(Shape(**state["shape"]))
    model.load_state_dict(state["model"])
    return model, state


def read_gguf(path):
    """The model of a file that `write_gguf` wrote: its weights as they were rounded."""
    file = gguf.GGUFReader(path)
    field = lambda key: file.fields[f"llama.{key}"].contents()  # noqa: E731
    model = Llama(
        Shape(
            vocab=field("vocab_size"),
            width=field("embedding_length"),
            layers=field("block_count"),
            heads=field("attention.head_count"),
            kv_heads=field("attention.head_count_kv"),
            head_dim=field("attention.key_length"),
            ff=field("feed_forward_length"),
            context=field("context_length"),
            rope_base=field("rope.freq_base"),
            eps=field("attention.layer_norm_rms_epsilon"),
        )
    )
    weights = {t.name: torch.tensor(gguf.quants.dequantize(t.data, t.tensor_type)) for t in file.tensors}
    names = {key: key if key.endswith(".weight") else f"{key}.weight" for key in model.state_dict()}
    model.load_state_dict({key: weights[name] for key, name in names.items()})
    return model


def quantised(array, kind):
    if array.ndim == 1 or kind == gguf.GGMLQuantizationType.F32:
        return array.astype(np.float32), gguf.GGMLQuantizationType.F32
    return gguf.quants.quantize(array.astype(np.float32), kind), kind


def write_gguf(path, model, vocabulary, name, layer_type, head_type, license="apache-2.0"):
    """`vocabulary(writer)` adds the tokenizer; types are names of GGUF tensor types: Q8_0, Q4_0, …"""
    s = model.shape
    w = gguf.GGUFWriter(path, "llama")
    w.add_name(name)
    w.add_license(license)
    w.add_context_length(s.context)
    w.add_embedding_length(s.width)
    w.add_block_count(s.layers)
    w.add_feed_forward_length(s.ff)
    w.add_head_count(s.heads)
    w.add_head_count_kv(s.kv_heads)
    w.add_key_length(s.head_dim)
    w.add_value_length(s.head_dim)
    w.add_rope_dimension_count(s.head_dim)
    w.add_rope_freq_base(s.rope_base)
    w.add_layer_norm_rms_eps(s.eps)
    w.add_vocab_size(s.vocab)
    w.add_quantization_version(gguf.GGML_QUANT_VERSION)
    vocabulary(w)
    for key, p in model.state_dict().items():
        kind = gguf.GGMLQuantizationType[head_type if key.startswith("token_embd") else layer_type]
        data, kind = quantised(p.numpy(), kind)
        w.add_tensor(key if key.endswith(".weight") else f"{key}.weight", data, raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
