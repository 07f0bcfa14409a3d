//! Tables of comma-separated values with a column of names and columns of captions.

use std::collections::HashMap;
use std::io::BufRead;

use csv::StringRecord;

use crate::DatasetError;
use crate::sample::Captioned;

/// Reads the rows: each name once, where it is met first, with all its captions.
///
/// `captions` says which columns of the header hold captions; cells may be empty, but a row
/// needs one that is not.
pub(crate) fn read(
    reader: impl BufRead,
    name: &str,
    captions: impl Fn(&str) -> bool,
    expected: &str,
) -> Result<Vec<Captioned>, DatasetError> {
    let broken = |source| DatasetError::Csv { source };
    let mut table = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(reader);
    let header = table.headers().map_err(broken)?.clone();
    let name = column(&header, |column| column == name, name)?;
    let first = column(&header, &captions, expected)?;
    let columns = first..header.len();
    let columns: Vec<usize> = columns.filter(|&at| captions(&header[at])).collect();
    let mut places = HashMap::new();
    let mut things: Vec<Captioned> = Vec::new();
    for record in table.records() {
        let record = record.map_err(broken)?;
        let of_row = row(&record, name, &columns)?;
        let place = *places.entry(of_row.name.clone()).or_insert(things.len());
        match things.get_mut(place) {
            Some(thing) => thing.captions.extend(of_row.captions),
            None => things.push(of_row),
        }
    }
    if things.is_empty() {
        let expected = "named caption";
        return Err(DatasetError::Empty { expected });
    }
    Ok(things)
}

fn row(record: &StringRecord, name: usize, columns: &[usize]) -> Result<Captioned, DatasetError> {
    let line = record.position().map_or(0, csv::Position::line);
    let line = usize::try_from(line).unwrap_or(usize::MAX);
    let name = record[name].to_owned();
    if name.is_empty() {
        return Err(DatasetError::PictureName { line, name });
    }
    let cells = columns.iter().map(|&at| &record[at]);
    let captions: Vec<String> = cells
        .filter(|cell| !cell.is_empty())
        .map(str::to_owned)
        .collect();
    if captions.is_empty() {
        return Err(DatasetError::EmptyCaption { line, name });
    }
    Ok(Captioned { name, captions })
}

fn column(
    header: &StringRecord,
    is_it: impl Fn(&str) -> bool,
    expected: &str,
) -> Result<usize, DatasetError> {
    let place = header.iter().position(is_it);
    place.ok_or_else(|| DatasetError::Column {
        column: expected.to_owned(),
        found: header.iter().map(str::to_owned).collect(),
    })
}
