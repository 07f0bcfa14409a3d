//! Sounds and videos as plain numbers, prepared for the towers.

use crate::clip::Levels;
use crate::{EncoderError, Pixels};

/// Frames of a clip of video.
pub(super) const FRAMES: usize = 2;

/// Bins and frames between the starts of two patches of sound.
pub(super) const AUDIO_STRIDE: usize = 10;

/// Two seconds of sound: a logarithmic mel spectrogram.
///
/// As ImageBind prepares it: 16 kHz, mean taken off, Kaldi's filter banks over windows of
/// 25 ms that are 10 ms apart, 128 bins, padded with zeros or cut to 204 frames, and
/// `(x + 4.268) / 9.138`.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioClip {
    values: Vec<f32>,
}

impl AudioClip {
    /// Bins of frequency, the lowest first.
    pub const BINS: usize = 128;

    /// Frames of time.
    pub const FRAMES: usize = 204;

    /// Takes all frames of each bin, `[1, 128, 204]`.
    ///
    /// # Errors
    ///
    /// [`EncoderError::ClipShape`] if there are more or fewer values, and
    /// [`EncoderError::ClipNotFinite`] if one is NaN or infinite.
    pub fn new(values: Vec<f32>) -> Result<Self, EncoderError> {
        let values = checked(values, &[1, Self::BINS, Self::FRAMES])?;
        Ok(Self { values })
    }

    /// All frames of each bin, `[1, 128, 204]`.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// Cuts squares of `side` that overlap, all frames before the next bins.
    pub(super) fn patches(&self, side: usize) -> impl Iterator<Item = f32> {
        let starts = move |length: usize| (0..=length - side).step_by(AUDIO_STRIDE);
        let corners = starts(Self::BINS)
            .flat_map(move |bin| starts(Self::FRAMES).map(move |frame| [bin, frame]));
        let rows =
            corners.flat_map(move |[bin, frame]| (bin..bin + side).map(move |bin| [bin, frame]));
        let rows = rows.map(move |[bin, frame]| &self.values[bin * Self::FRAMES + frame..][..side]);
        rows.flatten().copied()
    }
}

/// Two frames of a video, of one square cut out of them.
///
/// ImageBind sees five clips of two seconds of a video, and three squares of each, and takes
/// the mean of their embeddings.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoClip {
    values: Vec<f32>,
    size: usize,
}

impl VideoClip {
    /// Takes two frames, normalized as the pictures of CLIP: `[2, 3, size, size]`, of each
    /// frame all rows of red, then of green, then of blue.
    ///
    /// # Errors
    ///
    /// [`EncoderError::ClipShape`] if there are more or fewer values, and
    /// [`EncoderError::ClipNotFinite`] if one is NaN or infinite.
    pub fn new(values: Vec<f32>, size: usize) -> Result<Self, EncoderError> {
        let values = checked(values, &[FRAMES, 3, size, size])?;
        Ok(Self { values, size })
    }

    /// Normalizes two frames, cut to the size of the tower.
    ///
    /// # Errors
    ///
    /// [`EncoderError::FrameSizes`] if the second is of another size.
    pub fn of_frames(frames: [&Pixels; 2]) -> Result<Self, EncoderError> {
        let [size, second] = frames.map(Pixels::size);
        if second != size {
            let first = size;
            return Err(EncoderError::FrameSizes { first, second });
        }
        let levels = Levels::default().of_bytes().levels();
        let colours = frames.into_iter().flat_map(|frame| {
            let levels = levels.iter().enumerate();
            levels.flat_map(|(colour, levels)| {
                let bytes = frame.rgb()[colour..].iter().step_by(3);
                bytes.map(|&byte| levels[usize::from(byte)])
            })
        });
        Ok(Self {
            values: colours.collect(),
            size,
        })
    }

    /// Side of a frame, in pixels.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Two frames, `[2, 3, size, size]`.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// Cuts squares of `side` pixels that do not overlap, row after row: of a square red in
    /// both frames, then green, then blue.
    pub(super) fn patches(&self, side: usize) -> impl Iterator<Item = f32> {
        let (size, grid) = (self.size, self.size / side);
        let corners = (0..grid * grid).map(move |place| [place / grid * side, place % grid * side]);
        let planes = (0..3).flat_map(|colour| (0..FRAMES).map(move |frame| 3 * frame + colour));
        let squares = corners.flat_map(move |corner| {
            planes
                .clone()
                .map(move |plane| (plane * size * size, corner))
        });
        let rows = squares.flat_map(move |(plane, [y, x])| {
            (y..y + side).map(move |y| &self.values[plane + y * size + x..][..side])
        });
        rows.flatten().copied()
    }
}

/// Refuses values that are too many, too few, or not finite.
fn checked(values: Vec<f32>, shape: &[usize]) -> Result<Vec<f32>, EncoderError> {
    if values.len() != shape.iter().product::<usize>() {
        return Err(EncoderError::ClipShape {
            shape: shape.to_vec(),
            found: values.len(),
        });
    }
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(values),
        Some(index) => Err(EncoderError::ClipNotFinite { index }),
    }
}
