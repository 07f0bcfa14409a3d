//! Clotho: sounds of Freesound, five captions each (Drossos et al. 2020, ICASSP).
//!
//! A table with the header `file_name,caption_1,...,caption_5`, a row per sound. The answers
//! of a captioner have the header `file_name,caption_predicted` (DCASE, task 6).

use std::io::BufRead;

use crate::{Captioned, DatasetError, table};

/// Reads a table of references: every column whose name begins with `caption_`.
///
/// # Errors
///
/// [`DatasetError::Column`], [`DatasetError::Csv`] (with the line), [`DatasetError::Empty`],
/// [`DatasetError::EmptyCaption`].
///
/// # Examples
///
/// ```
/// # use c3_datasets::clotho;
/// let table = "file_name,caption_1,caption_2\nrain.wav,Rain falls,\"Water, falling\"\n";
/// let sounds = clotho::read(table.as_bytes())?;
/// assert_eq!(sounds[0].captions, ["Rain falls", "Water, falling"]);
/// # Ok::<_, c3_datasets::DatasetError>(())
/// ```
pub fn read(reader: impl BufRead) -> Result<Vec<Captioned>, DatasetError> {
    let captions = |column: &str| column.starts_with("caption_");
    table::read(reader, "file_name", captions, "caption_1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_without_captions_names_its_columns() {
        let error = read("file_name,keywords\na.wav,rain\n".as_bytes()).unwrap_err();
        let said = "no column `caption_1`; the header has `file_name`, `keywords`";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn answers_of_a_captioner_are_read_too() {
        let table = "file_name,caption_predicted\na.wav,Rain\nb.wav,Wind\n";
        let sounds = read(table.as_bytes()).unwrap();
        assert_eq!((sounds[1].name.as_str(), sounds.len()), ("b.wav", 2));
    }

    #[test]
    fn a_row_that_is_cut_off_names_its_line() {
        let error = read("file_name,caption_1\na.wav,Rain\nb.wav\n".as_bytes()).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("line: 3"), "{source}");
    }
}
