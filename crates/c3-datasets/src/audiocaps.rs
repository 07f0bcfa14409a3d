//! AudioCaps: sounds of YouTube clips (Kim et al. 2019, NAACL).
//!
//! A table with the header `audiocap_id,youtube_id,start_time,caption`, a row per caption;
//! other columns are passed over. A clip of the splits `val` and `test` has five captions.

use std::io::BufRead;

use crate::{Captioned, DatasetError, table};

/// Reads a table: each clip once, by its YouTube id, where it is met first.
///
/// # Errors
///
/// [`DatasetError::Column`], [`DatasetError::Csv`] (with the line), [`DatasetError::Empty`],
/// [`DatasetError::EmptyCaption`].
///
/// # Examples
///
/// ```
/// # use c3_datasets::audiocaps;
/// let table = "audiocap_id,youtube_id,start_time,caption\n1,abc,30,\"A dog barks, twice\"\n\
///              2,xyz,0,Rain falls\n3,abc,30,A dog\n";
/// let clips = audiocaps::read(table.as_bytes())?;
/// assert_eq!(clips[0].captions, ["A dog barks, twice", "A dog"]);
/// # Ok::<_, c3_datasets::DatasetError>(())
/// ```
pub fn read(reader: impl BufRead) -> Result<Vec<Captioned>, DatasetError> {
    table::read(
        reader,
        "youtube_id",
        |column| column == "caption",
        "caption",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(table: &str) -> String {
        read(table.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_with_a_row_is_said_with_its_line() {
        assert_eq!(
            said("youtube_id,caption\nabc,A dog\nabc,\n"),
            "line 3 has no caption for `abc`; expected text"
        );
        assert_eq!(
            said("youtube_id,caption\n"),
            "the file holds no rows; expected at least one named caption"
        );
        assert_eq!(
            said("id,caption\n1,A dog\n"),
            "no column `youtube_id`; the header has `id`, `caption`"
        );
    }
}
