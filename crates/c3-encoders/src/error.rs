//! What can be wrong with pictures, texts and weights.

use std::path::PathBuf;

use c3_geometry::GeometryError;

/// What can be wrong with what is handed to this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// The bytes begin like no picture format that is read here.
    #[error("not a JPEG, PNG, WebP or GIF picture")]
    UnknownFormat,
    /// A picture is larger than the limits allow; nothing was allocated for it.
    #[error("{width}x{height} pixels: over the limit of {max_side} a side and {max_pixels} in all")]
    TooLarge {
        /// Width that the header claims, in pixels.
        width: u32,
        /// Height that the header claims, in pixels.
        height: u32,
        /// The longest side allowed.
        max_side: u32,
        /// The most pixels allowed.
        max_pixels: u64,
    },
    /// A picture without pixels.
    #[error("{width}x{height} pixels: there is nothing to see")]
    NoPixels {
        /// Width that the header claims, in pixels.
        width: u32,
        /// Height that the header claims, in pixels.
        height: u32,
    },
    /// The data end before the picture does.
    #[error("truncated: the data end before the picture does")]
    Truncated,
    /// A JPEG picture is damaged.
    #[error("damaged JPEG picture")]
    Jpeg {
        /// What the decoder found.
        #[source]
        source: libjpeg_turbo_rs::JpegError,
    },
    /// A PNG, WebP or GIF picture is damaged.
    #[error("damaged picture")]
    Damaged {
        /// What the decoder found.
        #[source]
        source: image::ImageError,
    },
    /// Values do not make a square of pixels.
    #[error("{values} values do not make {size} rows of {size} pixels of 3 colours")]
    NotSquare {
        /// How many values were given.
        values: usize,
        /// The side that was asked for, in pixels.
        size: usize,
    },
    /// Pixels were prepared for another size than the encoder takes.
    #[error("picture {row} is {found} pixels wide, but the encoder takes {expected}")]
    SizeMismatch {
        /// Which picture of the batch, from 0.
        row: usize,
        /// The side that the encoder takes, in pixels.
        expected: usize,
        /// The side that the picture has, in pixels.
        found: usize,
    },
    /// A clip of sound or video has another number of values than its shape.
    #[error("{found} values do not make a clip of {shape:?}")]
    ClipShape {
        /// The shape that the encoder takes.
        shape: Vec<usize>,
        /// How many values were given.
        found: usize,
    },
    /// A value of a clip of sound or video is NaN or infinite.
    #[error("value {index} of a clip is not finite")]
    ClipNotFinite {
        /// Which value, from 0.
        index: usize,
    },
    /// The frames of a video were prepared for another size than the encoder takes.
    #[error("video {row} has a frame {found} pixels wide, but the encoder takes {expected}")]
    ClipSize {
        /// Which video of the batch, from 0.
        row: usize,
        /// The side that the encoder takes, in pixels.
        expected: usize,
        /// The side that the frame has, in pixels.
        found: usize,
    },
    /// The two frames of a clip are of different sizes.
    #[error("frames of one clip are {first} and {second} pixels wide")]
    FrameSizes {
        /// Side of the first frame, in pixels.
        first: usize,
        /// Side of the second frame, in pixels.
        second: usize,
    },
    /// A sound or a video without clips.
    #[error("sound or video {row} has no clips: there is nothing to take the mean of")]
    NoClips {
        /// Which of the batch, from 0.
        row: usize,
    },
    /// A file of a model cannot be read.
    #[error("cannot read `{}`", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system answered.
        #[source]
        source: std::io::Error,
    },
    /// A file is not in the safetensors format, or is cut short.
    #[error("`{}` is not a whole safetensors file", file.display())]
    Safetensors {
        /// The file.
        file: PathBuf,
        /// What the reader found.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// A file is no safetensors file, and not a PyTorch checkpoint that can be read either.
    #[error("`{}` is neither a safetensors file nor a PyTorch checkpoint", file.display())]
    Checkpoint {
        /// The file.
        file: PathBuf,
        /// What the reader found.
        #[source]
        source: Box<c3_datasets::pickle::PickleError>,
    },
    /// A file is not the JSON that the model needs.
    #[error("`{}` does not describe a model that is known here", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// What the parser found.
        #[source]
        source: serde_json::Error,
    },
    /// A folder lacks something that a model needs.
    #[error("`{}` holds no {what}", folder.display())]
    Incomplete {
        /// The folder.
        folder: PathBuf,
        /// What it lacks, with the names it might have.
        what: &'static str,
    },
    /// Weights are those of another model.
    #[error("`{}` holds the weights of {found}, not of {expected}", file.display())]
    OtherModel {
        /// The file.
        file: PathBuf,
        /// The model that it holds.
        found: &'static str,
        /// The model that was asked for.
        expected: &'static str,
    },
    /// A file describes a model with a part that is not read here.
    #[error("`{}` describes a model with {part}, which is not supported", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// The part.
        part: &'static str,
    },
    /// Weights are missing or have another shape than the model.
    #[error("`{}` does not fit the model: {}", file.display(), list(faults))]
    Weights {
        /// The file.
        file: PathBuf,
        /// Every fault, in the order in which the model reads its tensors.
        faults: Vec<TensorFault>,
    },
    /// A setting of a model makes no sense.
    #[error("{name} = {value}: {needs}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: usize,
        /// What it has to be.
        needs: &'static str,
    },
    /// The tokenizer refused a text.
    #[error("text {row} cannot be cut into tokens")]
    Tokenize {
        /// Which text of the batch, from 0.
        row: usize,
    },
    /// A text has more tokens than the model reads.
    #[error("text {row} has {found} tokens with its two marks, but the model reads {most}")]
    TooLong {
        /// Which text of the batch, from 0.
        row: usize,
        /// Its tokens, the marks included.
        found: usize,
        /// Most tokens that the model reads, the marks included.
        most: usize,
    },
    /// The tokenizer knows more tokens than the weights.
    #[error("the tokenizer has {tokenizer} tokens, but the weights have {weights}")]
    Vocabulary {
        /// Tokens of the tokenizer.
        tokenizer: usize,
        /// Rows of the embedding table.
        weights: usize,
    },
    /// The encoder's output is no batch of embeddings.
    #[error("the encoder made no usable embeddings")]
    Output {
        /// What is wrong with them.
        #[from]
        source: GeometryError,
    },
}

/// One tensor that does not fit the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorFault {
    /// The file has no such tensor.
    #[error("{name} is missing (expected {expected:?})")]
    Missing {
        /// Name of the tensor in the file.
        name: String,
        /// Shape that the model needs.
        expected: Vec<usize>,
    },
    /// The tensor has another shape.
    #[error("{name} has shape {found:?} (expected {expected:?})")]
    Shape {
        /// Name of the tensor in the file.
        name: String,
        /// Shape that the model needs.
        expected: Vec<usize>,
        /// Shape that the file has.
        found: Vec<usize>,
    },
    /// The tensor does not hold floating-point numbers, or holds NaN or infinity.
    #[error("{name} does not hold finite floating-point numbers")]
    Values {
        /// Name of the tensor in the file.
        name: String,
    },
    /// The file cannot be read where the tensor lies.
    #[error("{name} cannot be read")]
    Unreadable {
        /// Name of the tensor in the file.
        name: String,
    },
    /// The model has no such tensor.
    #[error("{name} of shape {found:?} is not part of the model")]
    Extra {
        /// Name of the tensor in the file.
        name: String,
        /// Shape that the file has.
        found: Vec<usize>,
    },
}

fn list(faults: &[TensorFault]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("; ")
}
