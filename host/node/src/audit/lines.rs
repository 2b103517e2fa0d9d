//! Reads a file line by line, in constant memory.

use std::io::{self, BufRead, BufReader, Read};

use super::line::{LINE_BYTES_MAX, Line};

/// A file, line by line.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
}

/// What stands in a file up to a newline or the end, without the newline.
#[derive(Clone, Copy)]
pub(super) enum Raw<'a> {
    /// A whole line.
    Whole(&'a [u8]),
    /// The start of a line that is too long to be one.
    TooLong(&'a [u8]),
    /// What stands behind the last newline.
    Torn(&'a [u8]),
}

impl Raw<'_> {
    /// As it stands in the file, its newline included.
    pub(super) fn length(&self) -> u64 {
        match self {
            Raw::Whole(bytes) => bytes.len() as u64 + 1,
            Raw::TooLong(bytes) | Raw::Torn(bytes) => bytes.len() as u64,
        }
    }
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Lines { reader: BufReader::with_capacity(256 * 1024, reader), line: Vec::new() }
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Raw<'_>>> {
        self.line.clear();
        let mut limited = self.reader.by_ref().take(LINE_BYTES_MAX as u64);
        limited.read_until(b'\n', &mut self.line)?;
        Ok(match self.line.split_last() {
            None => None,
            Some((b'\n', whole)) => Some(Raw::Whole(whole)),
            Some(_) if self.line.len() == LINE_BYTES_MAX => Some(Raw::TooLong(&self.line)),
            Some(_) => Some(Raw::Torn(&self.line)),
        })
    }
}

/// One line as it stands in a file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Line of the file, from 1.
    pub number: u64,
    /// Its bytes, without the newline.
    pub text: Vec<u8>,
    /// What it says; `None` when it is no audit line. Nothing is checked: that is [`verify`](super::verify)'s work.
    pub line: Option<Line>,
}

/// The lines of a file, unchecked, an incomplete last one included. A line that is too long comes in pieces.
pub fn read(reader: impl Read) -> impl Iterator<Item = io::Result<Entry>> {
    let mut lines = Lines::new(reader);
    let mut number = 0;
    std::iter::from_fn(move || {
        let raw = lines.next().transpose()?;
        number += 1;
        let entry = |(Raw::Whole(text) | Raw::TooLong(text) | Raw::Torn(text)): Raw<'_>| Entry {
            number,
            text: text.to_vec(),
            line: serde_json::from_slice(text).ok(),
        };
        Some(raw.map(entry))
    })
}
