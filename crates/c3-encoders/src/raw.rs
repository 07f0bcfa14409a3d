//! Features that need no pretrained model: pixels, and hashed words.

use c3_geometry::Embeddings;

use crate::{EncoderError, Pixels};

/// Offset and prime of the 64-bit FNV-1a hash: the same buckets on every machine.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// Lays pictures out as rows, channel after channel, each value from -1 to 1.
///
/// # Shapes
///
/// - `pictures`: `n` squares of one side
/// - result: `[n, 3 * side * side]`
///
/// # Errors
///
/// [`EncoderError::SizeMismatch`] if the sides differ, [`EncoderError::Output`]
/// without pictures.
pub fn pixel_rows(pictures: &[Pixels]) -> Result<Embeddings, EncoderError> {
    let side = pictures.first().map_or(0, Pixels::size);
    let mut values = Vec::with_capacity(pictures.len() * 3 * side * side);
    for (row, picture) in pictures.iter().enumerate() {
        if picture.size() != side {
            let (expected, found) = (side, picture.size());
            return Err(EncoderError::SizeMismatch {
                row,
                expected,
                found,
            });
        }
        for channel in 0..3 {
            let bytes = picture.rgb().iter().skip(channel).step_by(3);
            values.extend(bytes.map(|byte| f32::from(*byte) / 127.5 - 1.0));
        }
    }
    Ok(Embeddings::new(values, 3 * side * side)?)
}

/// Counts the words and the neighbouring word pairs of a text in buckets.
///
/// The hashing trick (Weinberger et al. 2009, arXiv:0902.2206): no vocabulary,
/// so any text has features. Each row is scaled to unit length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashedWords {
    /// Number of buckets, the width of a row.
    pub n_buckets: usize,
}

impl HashedWords {
    /// Counts each text into a row, `n` texts to `[n, n_buckets]`.
    ///
    /// A word is a run of letters and digits, in lower case. A text without a
    /// word falls into the bucket of the empty word.
    ///
    /// # Errors
    ///
    /// [`EncoderError::Setting`] without buckets.
    ///
    /// # Examples
    ///
    /// ```
    /// # use c3_encoders::HashedWords;
    /// let rows = HashedWords { n_buckets: 512 }.encode(&["A cat.", "a CAT", "a dog"])?;
    /// assert_eq!(rows.row(0), rows.row(1));
    /// assert_ne!(rows.row(0), rows.row(2));
    /// # Ok::<_, c3_encoders::EncoderError>(())
    /// ```
    pub fn encode<S: AsRef<str>>(&self, texts: &[S]) -> Result<Embeddings, EncoderError> {
        let n_buckets = self.n_buckets;
        if n_buckets == 0 {
            let needs = "needs at least 1";
            return Err(EncoderError::Setting {
                name: "n_buckets",
                value: 0,
                needs,
            });
        }
        let mut values = vec![0.0; texts.len() * n_buckets];
        for (text, row) in texts.iter().zip(values.chunks_exact_mut(n_buckets)) {
            count(text.as_ref(), row);
        }
        Ok(Embeddings::new(values, n_buckets)?)
    }
}

fn count(text: &str, row: &mut [f32]) {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let n_buckets = row.len() as u64;
    let mut add = |parts: &[&str]| row[(fnv1a(parts) % n_buckets) as usize] += 1.0;
    words.iter().for_each(|word| add(&[word]));
    words.windows(2).for_each(&mut add);
    if words.is_empty() {
        add(&[""]);
    }
    let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
    row.iter_mut().for_each(|value| *value /= length);
}

/// Hash of words in order, a zero byte after each.
fn fnv1a(words: &[&str]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0]));
    bytes.fold(FNV_OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_words_counts() {
        let rows = HashedWords { n_buckets: 4096 }.encode(&["man bites dog", "dog bites man"]);
        let rows = rows.unwrap();
        let cosine: f32 = rows
            .row(0)
            .iter()
            .zip(rows.row(1))
            .map(|(a, b)| a * b)
            .sum();
        // Three words shared of three words and two pairs each.
        assert!((cosine - 0.6).abs() < 1e-6, "{cosine}");
    }

    #[test]
    fn a_text_without_a_word_has_features_too() {
        let rows = HashedWords { n_buckets: 16 }.encode(&["...", ""]).unwrap();
        assert_eq!(rows.row(0), rows.row(1));
        assert_eq!(rows.row(0).iter().sum::<f32>(), 1.0);
    }

    #[test]
    fn the_hash_is_that_of_its_published_test_vector() {
        // FNV-1a 64 of the single byte 0x00, from the tables of its authors.
        assert_eq!(fnv1a(&[""]), 0xaf63_bd4c_8601_b7df);
    }

    #[test]
    fn pixels_are_laid_out_channel_after_channel() {
        let mut file = std::io::Cursor::new(Vec::new());
        let green = image::RgbImage::from_pixel(2, 2, image::Rgb([0, 255, 0]));
        green.write_to(&mut file, image::ImageFormat::Png).unwrap();
        let picture = crate::Preprocess::new(2).decode(file.get_ref()).unwrap();
        let rows = pixel_rows(&[picture]).unwrap();
        assert_eq!(rows.row(0), [[-1.0; 4], [1.0; 4], [-1.0; 4]].concat());
    }
}
