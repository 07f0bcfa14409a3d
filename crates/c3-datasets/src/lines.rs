//! Numbered lines of text, for readers that name the line.

use std::io::{BufRead, Read};

use crate::DatasetError;

/// Longest line in bytes: a guard against a file that has no lines.
const LIMIT: usize = 1 << 20;

/// A line and its number, from 1.
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) text: String,
}

/// The lines of a reader that are not blank, without their ends.
pub(crate) struct Lines<R> {
    reader: R,
    number: usize,
    over: bool,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            number: 0,
            over: false,
        }
    }

    /// Every line, blank ones too.
    pub(crate) fn with_blank(mut self) -> impl Iterator<Item = Result<Line, DatasetError>> {
        std::iter::from_fn(move || {
            if self.over {
                return None;
            }
            let line = self.line().transpose();
            self.over = matches!(&line, None | Some(Err(_)));
            line
        })
    }

    /// Reads one line, blank or not; `None` at the end.
    fn line(&mut self) -> Result<Option<Line>, DatasetError> {
        self.number += 1;
        let line = self.number;
        let mut bytes = Vec::new();
        let mut limited = self.reader.by_ref().take(LIMIT as u64 + 1);
        let read = limited.read_until(b'\n', &mut bytes);
        let read = read.map_err(|source| DatasetError::Read { line, source })?;
        if read > LIMIT {
            return Err(DatasetError::LongLine { line, limit: LIMIT });
        }
        let text = String::from_utf8(bytes).map_err(|error| DatasetError::NotUtf8 {
            line,
            byte: error.utf8_error().valid_up_to() + 1,
        })?;
        // Editors on Windows put a mark before the first line.
        let marked = if line == 1 {
            text.strip_prefix('\u{feff}')
        } else {
            None
        };
        let text = marked.unwrap_or(&text).trim_end_matches(['\r', '\n']);
        Ok((read > 0).then(|| Line {
            number: line,
            text: text.to_owned(),
        }))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Line, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            match self.line() {
                Ok(Some(line)) if line.text.trim().is_empty() => {}
                Ok(Some(line)) => return Some(Ok(line)),
                Ok(None) => self.over = true,
                Err(error) => {
                    // Past a wrong byte the next line is sound; past the others it is not.
                    self.over = !matches!(error, DatasetError::NotUtf8 { .. });
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Error};

    use super::*;

    fn texts(bytes: &[u8]) -> Vec<Result<String, String>> {
        let lines = Lines::new(bytes);
        let plain = lines.map(|line| line.map(|l| format!("{}: {}", l.number, l.text)));
        plain
            .map(|line| line.map_err(|error| error.to_string()))
            .collect()
    }

    #[test]
    fn blank_lines_are_skipped_and_counted() {
        let lines = texts(b"\xef\xbb\xbfone\r\n\r\n  \nfour");
        assert_eq!(lines, [Ok("1: one".into()), Ok("4: four".into())]);
    }

    #[test]
    fn a_line_that_is_not_utf8_is_named_and_the_next_one_read() {
        let lines = texts(b"one\ntw\xff\nthree\n");
        assert_eq!(lines.len(), 3);
        let error = lines[1].as_ref().unwrap_err();
        assert_eq!(
            error,
            "line 2 is not UTF-8: byte 3 is wrong; save the file as UTF-8"
        );
        assert_eq!(lines[2], Ok("3: three".into()));
    }

    #[test]
    fn a_file_without_lines_is_refused_before_it_fills_the_memory() {
        let endless = BufReader::new(std::io::repeat(b'a'));
        let mut lines = Lines::new(endless);
        let error = lines.next().unwrap().err().unwrap();
        assert!(matches!(error, DatasetError::LongLine { line: 1, .. }));
        assert!(lines.next().is_none());
    }

    #[test]
    fn a_reader_that_fails_ends_the_lines() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(Error::other("disk on fire"))
            }
        }
        let mut lines = Lines::new(BufReader::new(Broken));
        let error = lines.next().unwrap().err().unwrap();
        assert_eq!(error.to_string(), "line 1 cannot be read");
        assert!(lines.next().is_none());
    }
}
