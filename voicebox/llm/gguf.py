"""A GGUF file in memory: its weights, vocabulary and metadata, over llama.cpp's C interface."""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# A failing assertion inside llama.cpp would otherwise start a debugger that stops the whole process.
os.environ.setdefault("GGML_NO_BACKTRACE", "1")

import llama_cpp.llama_cpp as _c

from voicebox.errors import EngineError, ModelError
from voicebox.llm.gguf_header import check_header

__all__ = ["GgufModel"]

_log = logging.getLogger(__name__)
_ERROR_LEVEL = 4
_LOADING = "error loading model: "
_INT32_MIN = -(2**31)


class _LibraryLog:
    """llama.cpp's messages as log records; keeps the first error, which says why a load failed."""

    def __init__(self) -> None:
        self.first_error = ""
        self._callback = _c.llama_log_callback(self._on_message)

    def install(self) -> None:
        _c.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _on_message(self, level: int, text: bytes, _data: object) -> None:
        message = text.decode("utf-8", "replace").strip()
        if not message:
            return
        if level == _ERROR_LEVEL and not self.first_error:
            self.first_error = " ".join(message.rpartition(_LOADING)[2].split())
        _log.debug("llama.cpp: %s", message)


_library_log = _LibraryLog()
_library_lock = threading.Lock()
_library_ready = False


def _start_library() -> None:
    global _library_ready
    with _library_lock:
        if not _library_ready:
            _library_log.install()
            _c.llama_backend_init()
            _library_ready = True


class GgufModel:
    """A loaded GGUF model. Tokenizing is safe from any thread; after `close` it raises EngineError.

    Args:
        path: the GGUF file (mapped into memory, so it must not change while it is loaded).
        gpu_layers: layers to keep on a GPU where llama.cpp was built for one; -1 for all.

    Raises:
        ModelError: the file is missing, is no GGUF, is damaged, or is of an architecture that llama.cpp lacks.
    """

    def __init__(self, path: Path, *, gpu_layers: int = 0) -> None:
        self.path = Path(path)
        check_header(self.path)
        _start_library()
        params = _c.llama_model_default_params()
        params.n_gpu_layers = gpu_layers if gpu_layers >= 0 else 2**31 - 1
        # Repacked copies of the weights cost 600 MB for a 1.5B model and gained a tenth of the prefill.
        params.use_extra_bufts = False
        _library_log.first_error = ""
        handle = _c.llama_model_load_from_file(os.fsencode(self.path), params)
        if not handle:
            reason = _library_log.first_error or "llama.cpp cannot load it"
            strange = "architecture" in reason or "main model" in reason
            raise ModelError(
                f"The model file {self.path} cannot be loaded: {reason}", cure=_OTHER_MODEL if strange else _CURE
            )
        self._handle: Any = handle
        self._lock = threading.Lock()
        vocab = _c.llama_model_get_vocab(handle)
        if not vocab or _c.llama_vocab_type(vocab) == _c.LLAMA_VOCAB_TYPE_NONE:
            self.close()
            raise ModelError(f"The model file {self.path} has no tokenizer", cure="Choose a file that has one.")
        self._vocab: Any = vocab
        self.n_vocab: int = _c.llama_vocab_n_tokens(vocab)
        self.n_ctx_train: int = _c.llama_model_n_ctx_train(handle)
        self.architecture = self.metadata("general.architecture") or "unknown"
        if not _c.llama_model_has_decoder(handle) or _c.llama_model_has_encoder(handle):
            self.close()
            raise ModelError(f"The model file {self.path} ({self.architecture}) is not a decoder-only language model")

    @property
    def name(self) -> str:
        """The file's name without suffix."""
        return self.path.stem

    @property
    def handle(self) -> Any:
        """llama.cpp's model pointer, for the context's owner."""
        if self._handle is None:
            raise EngineError(f"The model {self.name} is closed")
        return self._handle

    @property
    def vocab(self) -> Any:
        """llama.cpp's vocabulary pointer, for samplers."""
        _ = self.handle
        return self._vocab

    def metadata(self, key: str) -> str | None:
        """A metadata value as llama.cpp prints it; None if the file has no such key (arrays are not readable)."""
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = _c.llama_model_meta_val_str(self.handle, key.encode(), buffer, size)
            if length < 0:
                return None
            if length < size:
                return buffer.value.decode("utf-8", "replace")
            size = length + 1

    def check_writes(self) -> None:
        """Raise ModelError unless it predicts the next token; models that make vectors of whole texts do not."""
        if "bert" in self.architecture or self.metadata(f"{self.architecture}.attention.causal") == "false":
            raise ModelError(
                f"{self.path} ({self.architecture}) makes vectors of texts and writes none",
                cure="Choose an instruct model: see `voicebox models list`.",
            )

    @property
    def chat_template(self) -> str | None:
        """The file's Jinja chat template; None for a base model."""
        template = _c.llama_model_chat_template(self.handle, None)
        return template.decode("utf-8", "replace") if template else None

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of a text, without BOS or EOS.

        `special` makes the spelling of control tokens control tokens: only ever for text that is not a user's.

        Raises:
            EngineError: the model is closed or the text is too long to tokenize.
        """
        data = text.encode("utf-8", "replace")
        with self._lock:
            vocab = self.vocab
            size = len(data) + 8
            tokens = (_c.llama_token * size)()
            count = _c.llama_tokenize(vocab, data, len(data), tokens, size, False, special)
            if count < 0 and count != _INT32_MIN:
                size = -count
                tokens = (_c.llama_token * size)()
                count = _c.llama_tokenize(vocab, data, len(data), tokens, size, False, special)
        if count < 0:
            raise EngineError("The text is too long for the tokenizer")
        return list(tokens[:count])

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes that a token adds to a text; control tokens are empty unless `special`."""
        self._check_token(token)
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = _c.llama_token_to_piece(self.vocab, token, buffer, size, 0, special)
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def control_token(self, text: str) -> int | None:
        """The id of the control token that is spelt `text`; None if there is none."""
        tokens = self.tokenize(text, special=True)
        if len(tokens) == 1 and _c.llama_vocab_is_control(self.vocab, tokens[0]):
            return tokens[0]
        return None

    def is_end(self, token: int) -> bool:
        """Whether the token ends a generation (end of text, of turn, of message)."""
        self._check_token(token)
        return bool(_c.llama_vocab_is_eog(self.vocab, token))

    @property
    def bos(self) -> int | None:
        """The begin-of-sequence token that every prompt must start with; None if the model wants none."""
        token: int = _c.llama_vocab_bos(self.vocab)
        return token if token >= 0 and _c.llama_vocab_get_add_bos(self.vocab) else None

    def spelling(self, kind: str) -> str:
        """How the "bos" or "eos" token is spelt in chat templates; empty if there is none."""
        token: int = _c.llama_vocab_bos(self.vocab) if kind == "bos" else _c.llama_vocab_eos(self.vocab)
        return self.piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""

    def check_tokens(self, tokens: Sequence[int]) -> None:
        """Raise EngineError if any id is not in the vocabulary (llama.cpp would reject or abort)."""
        for token in tokens:
            self._check_token(token)

    def close(self) -> None:
        """Free the weights; every context of the model must be gone. Idempotent."""
        with self._lock:
            if self._handle is not None:
                _c.llama_model_free(self._handle)
                self._handle = None

    def _check_token(self, token: int) -> None:
        if not 0 <= token < self.n_vocab:
            raise EngineError(f"Token {token} is not in the vocabulary of {self.name} ({self.n_vocab} tokens)")


_CURE = "Run `voicebox models verify`, or pull the model again."
_OTHER_MODEL = "Choose a language model that the installed llama.cpp knows: see `voicebox models list`."
