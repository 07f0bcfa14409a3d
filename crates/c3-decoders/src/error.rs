//! What can go wrong between an embedding and its caption.

use std::fmt;

use crate::files::GgufFault;

/// What can be wrong with settings, files or data handed to this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecoderError {
    /// A tokenizer cannot be trained from nothing.
    #[error("there are no sentences to train a tokenizer from")]
    NoSentences,
    /// The tokenizer library refused.
    #[error("cannot tokenize: {source}")]
    Tokenizer {
        /// What the library said.
        source: tokenizers::Error,
    },
    /// The text is not a `tokenizer.json`.
    #[error("cannot read the tokenizer file: {source}")]
    TokenizerFile {
        /// Where and why the text was refused.
        source: serde_json::Error,
    },
    /// A line of `merges.txt` is no pair.
    #[error("line {line} of the merges is not two tokens with a space between")]
    Merge {
        /// Line, from 1.
        line: usize,
    },
    /// A token that training and generation rely on is not in the vocabulary.
    #[error("the tokenizer has no `{token}` token")]
    MissingToken {
        /// The token as written in the vocabulary.
        token: &'static str,
    },
    /// A setting has a value with which nothing can be built.
    #[error("setting `{setting}` is {value}, but must be {expected}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// The value found.
        value: f64,
        /// What would have been right.
        expected: &'static str,
    },
    /// The text is not the `config.json` of the model.
    #[error("cannot read the model's config.json: {source}")]
    ModelConfig {
        /// Where and why the text was refused.
        source: serde_json::Error,
    },
    /// A setting of a pretrained model would change what it computes.
    #[error("the model's `{setting}` is `{value}`, which is not supported")]
    Unsupported {
        /// Name of the setting.
        setting: &'static str,
        /// The value found.
        value: String,
    },
    /// The weights are those of another model.
    #[error("the weights are not those of a GPT-2: they have `{}`, but no `wte.weight`", found.join("`, `"))]
    NotGpt2 {
        /// Some tensors that are there.
        found: Vec<String>,
    },
    /// The weights are those of another model.
    #[error("the weights are not those of a Llama: they have `{}`, but no `{expected}`", found.join("`, `"))]
    NotLlama {
        /// The tensor that every such model has.
        expected: &'static str,
        /// Some tensors that are there.
        found: Vec<String>,
    },
    /// The file is not a GGUF, or not a whole one.
    #[error("cannot read the GGUF file: {fault}")]
    Gguf {
        /// What is wrong with it.
        fault: GgufFault,
    },
    /// Numbers are kept in a way that is not read.
    #[error("the weights are kept as {}, which is not read; F32, F16, BF16, Q4_0 to Q8_0 and Q2_K to Q6_K are", kinds.join(", "))]
    Quantized {
        /// Every kind that is not read.
        kinds: Vec<String>,
    },
    /// A file, or two shards of one, hold the same tensor.
    #[error("`{name}` is in the weights twice")]
    TensorTwice {
        /// Name of the tensor.
        name: String,
    },
    /// The text is not the index of shards.
    #[error("cannot read the index of the weights: {source}")]
    ShardIndex {
        /// Where and why the text was refused.
        source: serde_json::Error,
    },
    /// An index names a file elsewhere.
    #[error("the index of the weights names `{name}`, which is not in its folder")]
    ShardName {
        /// The name found.
        name: String,
    },
    /// A pretrained decoder alone reads no embedding.
    #[error("the weights hold no mapper; say how an embedding becomes the prefix")]
    NoMapper,
    /// The token embeddings should serve as output weights.
    #[error("the output weights are not those of the tokens, as the model's kind or config has it")]
    Untied,
    /// The bytes are not a safetensors file.
    #[error("cannot read the weights: {source}")]
    WeightsFile {
        /// Why the bytes were refused.
        source: safetensors::SafeTensorError,
    },
    /// The tensors of a file are not those of the model.
    #[error("the weights do not fit the decoder: {}", list(faults))]
    Weights {
        /// Every tensor that is missing, unknown or of another shape.
        faults: Vec<WeightFault>,
    },
    /// Embeddings come from a space of another width.
    #[error("the decoder reads embeddings of width {expected}, not {found}")]
    WidthMismatch {
        /// Width that the decoder was built for.
        expected: usize,
        /// Width of the embeddings.
        found: usize,
    },
    /// The tokenizer and the decoder do not belong together.
    #[error("the decoder knows {decoder} tokens, but the tokenizer {tokenizer}")]
    VocabularyMismatch {
        /// Vocabulary size of the decoder.
        decoder: usize,
        /// Vocabulary size of the tokenizer.
        tokenizer: usize,
    },
    /// A fresh decoder has learned nothing that could stay as it is.
    #[error(
        "a fresh decoder has nothing to keep: set `tune` to `all`, or start from a pretrained one"
    )]
    NothingLearned,
    /// The device cannot compute in bfloat16.
    #[error("the device has no bfloat16: set `precision` to `full`")]
    NoBf16,
    /// There is nothing to learn from, or nothing to validate with.
    #[error("there are no captions to learn from")]
    NoCaptions,
    /// Every caption needs the row of its embedding.
    #[error("{captions} captions name {rows} rows of embeddings")]
    Unpaired {
        /// Number of captions.
        captions: usize,
        /// Number of row indices.
        rows: usize,
    },
    /// A caption names an embedding that is not there.
    #[error("caption {caption} names row {row}, but there are {rows} embeddings")]
    NoSuchRow {
        /// Index of the caption.
        caption: usize,
        /// The row that it names.
        row: usize,
        /// Number of embeddings.
        rows: usize,
    },
    /// A caption has no token at all, or more than the decoder has positions for.
    #[error("caption {caption} has {tokens} tokens, but must have 1 to {max_tokens}")]
    CaptionLength {
        /// Index of the caption.
        caption: usize,
        /// Its length in tokens, the end token counted.
        tokens: usize,
        /// The most that the decoder can read.
        max_tokens: usize,
    },
    /// A caption holds a token that the decoder does not know.
    #[error("caption {caption} holds token {token}, but the vocabulary ends at {n_vocab}")]
    NoSuchToken {
        /// Index of the caption.
        caption: usize,
        /// The unknown token.
        token: u32,
        /// Vocabulary size of the decoder.
        n_vocab: usize,
    },
    /// The loss is NaN or infinite.
    #[error("the {split} loss is {loss} at step {step}: lower the learning rate or clip gradients")]
    Diverged {
        /// Which loss.
        split: &'static str,
        /// Optimiser steps taken when it was seen, counted from 1 over all epochs.
        step: usize,
        /// The loss itself.
        loss: f64,
    },
    /// Training was stopped from outside before its first epoch was complete.
    #[error("training was stopped before the end of its first epoch")]
    Interrupted,
    /// burn stopped the training.
    #[error("training failed: {source}")]
    Training {
        /// What burn reported.
        source: std::sync::Arc<burn::train::TrainingError>,
    },
    /// A checkpoint could not be written or read.
    #[error("cannot use the checkpoint: {source}")]
    Checkpoint {
        /// What burn reported.
        source: burn::train::checkpoint::CheckpointerError,
    },
    /// There are checkpoints, but a fresh start was asked for.
    #[error("the checkpoint folder holds {checkpoints} earlier checkpoints")]
    CheckpointsExist {
        /// Number of whole checkpoints found.
        checkpoints: usize,
    },
}

/// One tensor that does not fit.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightFault {
    /// Name of the tensor.
    pub name: String,
    /// Shape that the model has for it; nothing if the model has no such tensor.
    pub expected: Option<Vec<usize>>,
    /// Shape found in the file; nothing if it is missing or of no floating-point numbers.
    pub found: Option<Vec<usize>>,
}

impl fmt::Display for WeightFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: expected ", self.name)?;
        match &self.expected {
            Some(shape) => write!(f, "{shape:?}")?,
            None => write!(f, "no such tensor")?,
        }
        match &self.found {
            Some(shape) => write!(f, ", found {shape:?}"),
            None => write!(f, ", found no tensor of floating-point numbers"),
        }
    }
}

fn list(faults: &[WeightFault]) -> String {
    let lines: Vec<String> = faults.iter().map(WeightFault::to_string).collect();
    lines.join("; ")
}
