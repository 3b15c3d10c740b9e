"""A thin layer over llama.cpp's C interface (package llama-cpp-python) for `make_goldens.py`: tokens, pieces, logits.

Only the low-level functions are used, so that nothing of the package's own sampling or chat handling comes between.
"""

import ctypes

import llama_cpp as ll
import numpy as np

FLASH_ATTENTION_OFF = 0
TYPE_F32 = 0  # of ggml_type


class Reference:
    """One GGUF file. With `vocab_only` only the tokenizer is loaded."""

    def __init__(self, path, vocab_only=False, context=1024, threads=2, kv_float32=False):
        ll.llama_backend_init()
        params = ll.llama_model_default_params()
        params.vocab_only = vocab_only
        params.n_gpu_layers = 0
        # Plain block layout: repacked weights and AMX tiles sum in another order, and only some machines have them.
        params.use_extra_bufts = False
        self.model = ll.llama_model_load_from_file(str(path).encode(), params)
        if not self.model:
            raise SystemExit(f"make_goldens: llama.cpp cannot load {path}")
        self.vocab = ll.llama_model_get_vocab(self.model)
        self.vocab_size = ll.llama_vocab_n_tokens(self.vocab)
        self.context = None
        if not vocab_only:
            params = ll.llama_context_default_params()
            params.n_ctx = context
            params.n_batch = params.n_ubatch = 512
            params.n_threads = params.n_threads_batch = threads
            params.flash_attn_type = FLASH_ATTENTION_OFF
            if kv_float32:
                params.type_k = params.type_v = TYPE_F32
            self.context = ll.llama_init_from_model(self.model, params)

    def close(self):
        if self.context:
            ll.llama_free(self.context)
        ll.llama_model_free(self.model)

    # Text and tokens -------------------------------------------------------------------------------------------------

    def tokenize(self, text, add_special, parse_special):
        data = text.encode("utf-8")
        room = len(data) + 8
        ids = (ll.llama_token * room)()
        n = ll.llama_tokenize(self.vocab, data, len(data), ids, room, add_special, parse_special)
        if n < 0:
            raise SystemExit(f"make_goldens: llama_tokenize wants {-n} tokens for {len(data)} bytes")
        return list(ids[:n])

    def piece(self, token, special):
        buffer = ctypes.create_string_buffer(512)
        n = ll.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, special)
        if n < 0:
            raise SystemExit(f"make_goldens: the piece of token {token} is longer than 512 bytes")
        return buffer.raw[:n]

    def bytes_of(self, ids, special=True):
        """The pieces one after the other: what a stream of tokens prints."""
        return b"".join(self.piece(i, special) for i in ids)

    def vocabulary(self):
        v = self.vocab
        return {
            "size": self.vocab_size,
            "bos": ll.llama_vocab_bos(v),
            "eos": ll.llama_vocab_eos(v),
            "eot": ll.llama_vocab_eot(v),
            "pad": ll.llama_vocab_pad(v),
            "add_bos": bool(ll.llama_vocab_get_add_bos(v)),
            "add_eos": bool(ll.llama_vocab_get_add_eos(v)),
            "end_of_generation": [i for i in range(self.vocab_size) if ll.llama_vocab_is_eog(v, i)],
        }

    def metadata(self, key):
        buffer = ctypes.create_string_buffer(1 << 16)
        n = ll.llama_model_meta_val_str(self.model, key.encode(), buffer, len(buffer))
        return None if n < 0 else buffer.raw[:n].decode("utf-8")

    # Logits ----------------------------------------------------------------------------------------------------------

    def clear(self):
        ll.llama_memory_clear(ll.llama_get_memory(self.context), True)

    def decode(self, ids, position, all_rows=False):
        """Feeds `ids` from `position` on; float32 logits [rows, vocab]: of all rows, or of the last one."""
        batch = ll.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for i, token in enumerate(ids):
            batch.token[i] = token
            batch.pos[i] = position + i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = all_rows or i + 1 == len(ids)
        status = ll.llama_decode(self.context, batch)
        ll.llama_batch_free(batch)
        if status != 0:
            raise SystemExit(f"make_goldens: llama_decode failed with {status}")
        rows = len(ids) if all_rows else 1
        data = np.ctypeslib.as_array(ll.llama_get_logits(self.context), shape=(rows, self.vocab_size))
        return data.copy()

    def is_end(self, token):
        return bool(ll.llama_vocab_is_eog(self.vocab, token))


def system_info():
    return ll.llama_print_system_info().decode().strip(" |")


def gemma_chat(messages):
    """llama.cpp's built-in Gemma format, for a file that has no template of its own."""
    chat = (ll.llama_chat_message * len(messages))()
    for slot, message in zip(chat, messages):
        slot.role = message["role"].encode()
        slot.content = message["content"].encode()
    buffer = ctypes.create_string_buffer(1 << 14)
    n = ll.llama_chat_apply_template(b"gemma", chat, len(messages), True, buffer, len(buffer))
    if n < 0:
        raise SystemExit("make_goldens: llama.cpp does not know the chat format 'gemma'")
    return buffer.raw[:n].decode("utf-8")
