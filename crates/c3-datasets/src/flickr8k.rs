//! Flickr8k: 8,000 photos, five captions each (Hodosh et al. 2013, JAIR 47:853).
//!
//! Two layouts of the same rows are read: a table with the header
//! `image<TAB>caption`, and the original `Flickr8k.token.txt` with
//! `picture.jpg#0<TAB>caption`. Split lists hold one picture name a line.

use std::collections::HashMap;
use std::io::BufRead;

use crate::DatasetError;
use crate::lines::{Line, Lines};
use crate::sample::{Picture, Sample, stays_inside};

/// Streams the samples of a caption file, one per run of rows that name one picture.
///
/// Reading goes on after a wrong row, which is left out: a caller that wants
/// all or nothing collects into a `Result`.
pub struct Samples<R> {
    rows: Rows<R>,
    current: Option<Pending>,
    seen: HashMap<String, usize>,
}

impl<R: BufRead> Samples<R> {
    /// Reads a table: the header `image<TAB>caption`, then a row per caption.
    pub fn from_table(reader: R) -> Self {
        Self::new(reader, Layout::Table)
    }

    /// Reads the original token file: `picture.jpg#0<TAB>caption`, no header.
    pub fn from_tokens(reader: R) -> Self {
        Self::new(reader, Layout::Tokens)
    }

    fn new(reader: R, layout: Layout) -> Self {
        let rows = Rows {
            lines: Lines::new(reader),
            layout,
            begun: false,
        };
        Self {
            rows,
            current: None,
            seen: HashMap::new(),
        }
    }

    /// Adds a row to the sample in hand; gives that sample back once another begins.
    fn take(&mut self, row: Row) -> Result<Option<Sample>, DatasetError> {
        if let Some(current) = self
            .current
            .as_mut()
            .filter(|current| current.name == row.name)
        {
            current.add(row)?;
            return Ok(None);
        }
        let Row { line, name, .. } = &row;
        if let Some(&first) = self.seen.get(name) {
            let (line, name) = (*line, name.clone());
            return Err(DatasetError::Scattered { line, name, first });
        }
        self.seen.insert(name.clone(), *line);
        let finished = self.current.replace(Pending::from(row));
        Ok(finished.map(Sample::from))
    }
}

impl<R: BufRead> Iterator for Samples<R> {
    type Item = Result<Sample, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(row) = self.rows.next() {
            match row.and_then(|row| self.take(row)) {
                Ok(None) => {}
                Ok(Some(sample)) => return Some(Ok(sample)),
                Err(error) => return Some(Err(error)),
            }
        }
        self.current.take().map(|last| Ok(Sample::from(last)))
    }
}

/// Reads a split list: a picture name a line, each once, in the order of the file.
///
/// # Errors
///
/// [`DatasetError::RepeatedName`], [`DatasetError::PictureName`], [`DatasetError::Empty`],
/// or a line that cannot be read.
pub fn split_list(reader: impl BufRead) -> Result<Vec<String>, DatasetError> {
    let mut first_lines = HashMap::new();
    let mut names = Vec::new();
    for line in Lines::new(reader) {
        let Line { number, text } = line?;
        let name = picture_name(number, &text)?;
        if let Some(first) = first_lines.insert(name.clone(), number) {
            return Err(DatasetError::RepeatedName {
                line: number,
                name,
                first,
            });
        }
        names.push(name);
    }
    if names.is_empty() {
        let expected = "picture name";
        return Err(DatasetError::Empty { expected });
    }
    Ok(names)
}

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Table,
    Tokens,
}

impl Layout {
    fn row(self) -> &'static str {
        match self {
            Self::Table => "picture<TAB>caption",
            Self::Tokens => "picture.jpg#N<TAB>caption",
        }
    }
}

/// One line of the file.
struct Row {
    line: usize,
    name: String,
    number: Option<u32>,
    caption: String,
}

struct Rows<R> {
    lines: Lines<R>,
    layout: Layout,
    begun: bool,
}

impl<R: BufRead> Rows<R> {
    fn parse(&self, line: Line) -> Result<Row, DatasetError> {
        let (line, text) = (line.number, line.text);
        let columns: Vec<&str> = text.split('\t').collect();
        let &[key, caption] = columns.as_slice() else {
            return Err(DatasetError::Tabs {
                line,
                tabs: columns.len() - 1,
                expected: self.layout.row(),
            });
        };
        let (name, number) = match self.layout {
            Layout::Table => (key, None),
            Layout::Tokens => numbered(line, key)?,
        };
        let name = picture_name(line, name)?;
        let caption = caption.trim().to_owned();
        if caption.is_empty() {
            return Err(DatasetError::EmptyCaption { line, name });
        }
        Ok(Row {
            line,
            name,
            number,
            caption,
        })
    }

    fn header(&mut self) -> Result<(), DatasetError> {
        match self.lines.next().transpose()? {
            Some(line) if line.text == "image\tcaption" => Ok(()),
            Some(line) => Err(DatasetError::Header { found: line.text }),
            None => Err(DatasetError::Empty { expected: "header" }),
        }
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = Result<Row, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.begun {
            self.begun = true;
            if self.layout == Layout::Table
                && let Err(error) = self.header()
            {
                return Some(Err(error));
            }
        }
        let line = self.lines.next()?;
        Some(line.and_then(|line| self.parse(line)))
    }
}

/// A sample whose rows are still being read.
struct Pending {
    name: String,
    numbers: Vec<u32>,
    captions: Vec<String>,
}

impl Pending {
    fn add(&mut self, row: Row) -> Result<(), DatasetError> {
        if let Some(number) = row.number {
            if self.numbers.contains(&number) {
                let Row { line, name, .. } = row;
                return Err(DatasetError::RepeatedNumber { line, name, number });
            }
            self.numbers.push(number);
        }
        self.captions.push(row.caption);
        Ok(())
    }
}

impl From<Row> for Pending {
    fn from(row: Row) -> Self {
        Self {
            name: row.name,
            numbers: row.number.into_iter().collect(),
            captions: vec![row.caption],
        }
    }
}

impl From<Pending> for Sample {
    fn from(pending: Pending) -> Self {
        Self {
            picture: Picture::File(pending.name.clone()),
            name: pending.name,
            captions: pending.captions,
        }
    }
}

fn picture_name(line: usize, text: &str) -> Result<String, DatasetError> {
    let name = text.trim().to_owned();
    if name.is_empty() || !stays_inside(&name) {
        return Err(DatasetError::PictureName { line, name });
    }
    Ok(name)
}

fn numbered(line: usize, key: &str) -> Result<(&str, Option<u32>), DatasetError> {
    let parts = key.rsplit_once('#');
    parts
        .and_then(|(name, number)| Some((name, Some(number.trim().parse().ok()?))))
        .ok_or_else(|| DatasetError::CaptionNumber {
            line,
            found: key.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Vec<Sample>, String> {
        let samples = Samples::from_table(text.as_bytes());
        samples
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    }

    fn tokens(text: &str) -> Result<Vec<Sample>, String> {
        let samples = Samples::from_tokens(text.as_bytes());
        samples
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    }

    #[test]
    fn rows_of_one_picture_become_one_sample_in_file_order() {
        let samples = table("image\tcaption\nz.jpg\tA .\nz.jpg\tB .\n\na.jpg\tC .").unwrap();
        let shown: Vec<_> = samples
            .iter()
            .map(|s| (s.name.as_str(), s.captions.len()))
            .collect();
        assert_eq!(shown, [("z.jpg", 2), ("a.jpg", 1)]);
        assert_eq!(samples[0].picture, Picture::File("z.jpg".into()));
    }

    #[test]
    fn both_layouts_read_the_same_samples() {
        let left = table("image\tcaption\nz.jpg\tA .\nz.jpg\tB .\na.jpg\tC .\n");
        let right = tokens("z.jpg#0\tA .\nz.jpg#1\tB .\na.jpg#0\tC .\n");
        assert_eq!(left, right);
    }

    #[test]
    fn a_row_without_a_tab_names_its_line() {
        let error = table("image\tcaption\nz.jpg\tA .\nz.jpg B .\n").unwrap_err();
        assert_eq!(
            error,
            "line 3 has 0 tabs; expected `picture<TAB>caption`, one tab"
        );
    }

    #[test]
    fn a_caption_with_a_tab_names_its_line() {
        let error = tokens("z.jpg#0\tA\tB .\n").unwrap_err();
        assert_eq!(
            error,
            "line 1 has 2 tabs; expected `picture.jpg#N<TAB>caption`, one tab"
        );
    }

    #[test]
    fn an_empty_caption_names_its_line_and_picture() {
        let error = table("image\tcaption\nz.jpg\t \n").unwrap_err();
        assert_eq!(error, "line 2 has no caption for `z.jpg`; expected text");
    }

    #[test]
    fn a_table_without_its_header_is_refused() {
        let error = table("z.jpg\tA .\n").unwrap_err();
        assert_eq!(
            error,
            "line 1 is `z.jpg\tA .`; expected the header `image<TAB>caption`"
        );
        let error = table("").unwrap_err();
        assert_eq!(
            error,
            "the file holds no rows; expected at least one header"
        );
    }

    #[test]
    fn a_picture_that_comes_back_later_names_both_lines() {
        let text = "image\tcaption\nz.jpg\tA .\na.jpg\tC .\nz.jpg\tB .\n";
        let error = table(text).unwrap_err();
        let expected = "line 4 names `z.jpg` again, after line 2; its rows must stand together";
        assert_eq!(error, expected);
    }

    #[test]
    fn a_token_row_numbers_its_caption_once() {
        let error = tokens("z.jpg\tA .\n").unwrap_err();
        let expected = "line 1 begins `z.jpg`; expected `picture.jpg#N`, N the caption's number";
        assert_eq!(error, expected);
        let error = tokens("z.jpg#0\tA .\nz.jpg#0\tB .\n").unwrap_err();
        assert_eq!(
            error,
            "line 2 is caption 0 of `z.jpg` again; expected each number once"
        );
    }

    #[test]
    fn a_picture_outside_the_folder_is_refused() {
        let error = table("image\tcaption\n../../etc/passwd\tA .\n").unwrap_err();
        let expected = "line 2 names the picture `../../etc/passwd`; \
                        expected a file below the picture folder";
        assert_eq!(error, expected);
    }

    #[test]
    fn reading_goes_on_after_a_wrong_row() {
        let text = "image\tcaption\nz.jpg\tA .\nbroken\na.jpg\tC .\n";
        let samples: Vec<_> = Samples::from_table(text.as_bytes()).collect();
        let right: Vec<_> = samples.iter().filter_map(|s| s.as_ref().ok()).collect();
        assert_eq!((samples.len(), right.len()), (3, 2));
    }

    #[test]
    fn a_split_list_keeps_its_order_and_refuses_repeats() {
        assert_eq!(
            split_list("b.jpg\r\na.jpg\n".as_bytes()).unwrap(),
            ["b.jpg", "a.jpg"]
        );
        let error = split_list("b.jpg\na.jpg\nb.jpg\n".as_bytes()).unwrap_err();
        let expected = "line 3 names `b.jpg` again, after line 1; expected each name once";
        assert_eq!(error.to_string(), expected);
        let error = split_list("\n".as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the file holds no rows; expected at least one picture name"
        );
    }
}
