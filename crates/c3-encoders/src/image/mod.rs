//! Picture files into pixels that a tower can take.
//!
//! Every step repeats the arithmetic of Pillow, with which the published towers
//! were trained and are measured: one value in ten thousand that is off by one
//! moves a unit embedding of EfficientNet-Lite0 by 1e-4 (measured on 48 photos).
//! So JPEG goes through a decoder that equals libjpeg-turbo bit for bit, and
//! resizing through [`resample`](self) written in Pillow's fixed point.
//!
//! ```
//! # use c3_encoders::image::Preprocess;
//! # let file = include_bytes!("../../tests/golden/pictures/00.png");
//! let pixels = Preprocess::new(32).decode(file)?;
//! assert_eq!(pixels.rgb().len(), 3 * 32 * 32);
//! # Ok::<_, c3_encoders::EncoderError>(())
//! ```

mod decode;
mod jpeg;
mod patches;
mod pixels;
mod preprocess;
mod resample;
mod squares;

pub(crate) use patches::Normalization;
pub use pixels::Pixels;
pub use preprocess::{Filter, Limits, Preprocess};
