//! Sentences that belong to no picture: more text for a decoder that learns from text.
//!
//! Plain files hold one sentence a line. Tables of comma-separated values name
//! their caption columns: `caption` in AudioCaps (Kim et al. 2019, NAACL),
//! `caption_1` to `caption_5` in Clotho (Drossos et al. 2020, ICASSP).

use std::io::BufRead;

use crate::DatasetError;
use crate::lines::Lines;

/// Streams the sentences of a plain file; blank lines are skipped, ends trimmed.
pub fn lines(reader: impl BufRead) -> impl Iterator<Item = Result<String, DatasetError>> {
    Lines::new(reader).map(|line| Ok(line?.text.trim().to_owned()))
}

/// Streams the lines of a plain file as they stand: the caption of the first thing, of the
/// second, and so on; a blank line is an empty caption.
pub fn every_line(reader: impl BufRead) -> impl Iterator<Item = Result<String, DatasetError>> {
    let lines = Lines::new(reader).with_blank();
    lines.map(|line| Ok(line?.text.trim().to_owned()))
}

/// Reads the named `columns` of a table of comma-separated values, row by row.
///
/// Empty cells are skipped, ends trimmed.
///
/// # Errors
///
/// [`DatasetError::Column`] if the header lacks a column, [`DatasetError::Csv`]
/// (with the line) if a row has too many or too few cells or is not UTF-8.
///
/// # Examples
///
/// ```
/// # use c3_datasets::sentences::columns;
/// let table = "id,caption\n1,\"A dog barks, twice\"\n2,Rain falls\n";
/// let sentences = columns(table.as_bytes(), &["caption"])?;
/// assert_eq!(sentences, ["A dog barks, twice", "Rain falls"]);
/// # Ok::<_, c3_datasets::DatasetError>(())
/// ```
pub fn columns(reader: impl BufRead, columns: &[&str]) -> Result<Vec<String>, DatasetError> {
    let broken = |source| DatasetError::Csv { source };
    let mut table = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(reader);
    let header = table.headers().map_err(broken)?.clone();
    let places = columns
        .iter()
        .map(|column| place(&header, column))
        .collect::<Result<Vec<usize>, _>>()?;
    let mut sentences = Vec::new();
    for record in table.records() {
        let record = record.map_err(broken)?;
        let cells = places.iter().filter_map(|&place| record.get(place));
        sentences.extend(cells.filter(|cell| !cell.is_empty()).map(str::to_owned));
    }
    Ok(sentences)
}

fn place(header: &csv::StringRecord, column: &str) -> Result<usize, DatasetError> {
    let place = header.iter().position(|name| name == column);
    place.ok_or_else(|| DatasetError::Column {
        column: column.to_owned(),
        found: header.iter().map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn a_plain_file_gives_its_sentences_in_order() {
        let file = "A dog barks.\n\n  Rain falls. \r\nA dog barks.\n";
        let sentences = lines(file.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .unwrap();
        assert_eq!(sentences, ["A dog barks.", "Rain falls.", "A dog barks."]);
    }

    #[test]
    fn every_line_is_a_caption_even_a_blank_one() {
        let file = "A dog barks.\n\nRain falls. \r\n";
        let captions: Result<Vec<_>, _> = every_line(file.as_bytes()).collect();
        assert_eq!(captions.unwrap(), ["A dog barks.", "", "Rain falls."]);
        let wrong = every_line(&b"A dog\nRa\xff\nSun\n"[..]).last().unwrap();
        let said = "line 2 is not UTF-8: byte 3 is wrong; save the file as UTF-8";
        assert_eq!(wrong.unwrap_err().to_string(), said);
    }

    #[test]
    fn several_columns_are_read_row_by_row() {
        let table = "file_name,caption_1,caption_2\na.wav,One,Two\nb.wav,Three,\n";
        let sentences = columns(table.as_bytes(), &["caption_1", "caption_2"]).unwrap();
        assert_eq!(sentences, ["One", "Two", "Three"]);
    }

    #[test]
    fn a_missing_column_names_those_there_are() {
        let error = columns("id,text\n1,One\n".as_bytes(), &["caption"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no column `caption`; the header has `id`, `text`"
        );
    }

    #[test]
    fn a_row_with_too_few_cells_names_its_line() {
        let error = columns("id,caption\n1,One\n2\n".as_bytes(), &["caption"]).unwrap_err();
        let source = error.source().unwrap().to_string();
        assert!(source.contains("line: 3"), "{source}");
    }

    #[test]
    fn a_table_that_is_not_utf8_names_its_line() {
        let error = columns(&b"id,caption\n1,On\xff\n"[..], &["caption"]).unwrap_err();
        let source = error.source().unwrap().to_string();
        assert!(source.contains("line 2"), "{source}");
    }
}
