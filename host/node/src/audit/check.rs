//! Checks a chain from its first line on, in constant memory.

use std::io::{self, Read};

use ed25519_dalek::{Signature, VerifyingKey};
use thiserror::Error;

use super::defect::{Broken, Defect};
use super::line::{Head, Kind, Parsed, parse};
use super::lines::{Lines, Raw};

/// The key under which checkpoints are signed, and how a signer frames what it signs.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointKey {
    /// Raw Ed25519 public key, RFC 8032.
    pub public_key: [u8; 32],
    /// From [`Head::signing_bytes`] to the bytes that are really signed: a Secure Environment prefixes a domain.
    pub signing_input: fn(&[u8]) -> Vec<u8>,
}

impl CheckpointKey {
    /// Strict verification: no weak key, no malleable signature.
    fn verifies(&self, head: &Head, signature: &[u8; 64]) -> bool {
        let message = (self.signing_input)(&head.signing_bytes());
        VerifyingKey::from_bytes(&self.public_key)
            .and_then(|key| key.verify_strict(&message, &Signature::from_bytes(signature)))
            .is_ok()
    }
}

/// What a whole chain amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Lines, checkpoints included.
    pub lines: u64,
    /// Checkpoints among them.
    pub checkpoints: u64,
    /// Whether the signatures of the checkpoints were checked (a key was given).
    pub signatures_checked: bool,
    /// Whether the end was compared with the head that the Secure Environment keeps. If not, lines after the last
    /// checkpoint may have been cut off.
    pub head_checked: bool,
    /// The last line; `seq` 0 for an empty file.
    pub end: Head,
    /// Lines after the last checkpoint.
    pub unsigned: u64,
}

/// Why a check came to no good end.
#[derive(Debug, Error)]
pub enum CheckError {
    /// The chain is broken.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The file could not be read.
    #[error("the audit file could not be read: {0}")]
    Io(#[from] io::Error),
}

/// Checks a complete file. Without `key` the checkpoints' signatures are not checked; without `head` a cut end is found
/// only where it leaves an incomplete line.
///
/// # Errors
/// [`CheckError::Broken`] at the first line that does not hold, [`CheckError::Io`] when `reader` fails.
pub fn verify(reader: impl Read, key: Option<&CheckpointKey>, head: Option<Head>) -> Result<Report, CheckError> {
    let checked = walk(reader, key, head, Tail::Strict)?;
    if checked.torn_bytes > 0 {
        return Err(CheckError::Broken(Broken { line: checked.report.lines + 1, seq: None, what: Defect::Torn }));
    }
    Ok(checked.report)
}

/// What may stand behind the recorded head.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Lines that hold, and at most an incomplete last one.
    Strict,
    /// Anything: what was not synced when the power went can be zeros, or a block without the one before it.
    Lossy,
}

/// A chain that holds, and perhaps an incomplete line behind it.
pub(super) struct Checked {
    pub(super) report: Report,
    /// Length of the whole lines.
    pub(super) whole_bytes: u64,
    /// Length of what stands behind them.
    pub(super) torn_bytes: u64,
}

/// [`verify`], but what does not hold behind `head` is reported as torn, not refused: nobody was told that it is durable.
pub(super) fn check(reader: impl Read, key: Option<&CheckpointKey>, head: Option<Head>) -> Result<Checked, CheckError> {
    walk(reader, key, head, Tail::Lossy)
}

fn walk(reader: impl Read, key: Option<&CheckpointKey>, head: Option<Head>, tail: Tail) -> Result<Checked, CheckError> {
    let mut lines = Lines::new(reader);
    let mut chain = Chain::new(key, head);
    let (mut whole_bytes, mut torn_bytes) = (0, 0);
    while let Some(raw) = lines.next()? {
        let followed = match raw {
            Raw::Whole(bytes) => {
                let length = bytes.len() as u64 + 1;
                chain.follow(bytes).inspect(|()| whole_bytes += length).inspect_err(|_| torn_bytes = length)
            }
            Raw::TooLong(bytes) => {
                torn_bytes = bytes.len() as u64;
                Err(chain.not_a_line())
            }
            Raw::Torn(bytes) => {
                torn_bytes = bytes.len() as u64;
                Ok(())
            }
        };
        match followed {
            Ok(()) => {}
            Err(_) if tail == Tail::Lossy && chain.is_past_recorded() => {
                while let Some(raw) = lines.next()? {
                    torn_bytes += raw.length();
                }
                break;
            }
            Err(broken) => return Err(told_apart(broken, &mut lines)?.into()),
        }
    }
    Ok(Checked { report: chain.end()?, whole_bytes, torn_bytes })
}

/// A gap is a line dropped, or one moved: then it comes later.
fn told_apart(broken: Broken, lines: &mut Lines<impl Read>) -> io::Result<Broken> {
    match broken.what {
        Defect::Dropped { expected } if hold(lines, expected)? => {
            Ok(Broken { what: Defect::Reordered { expected }, ..broken })
        }
        _ => Ok(broken),
    }
}

/// Whether one of the remaining lines is the intact line `seq`.
fn hold(lines: &mut Lines<impl Read>, seq: u64) -> io::Result<bool> {
    while let Some(raw) = lines.next()? {
        if let Raw::Whole(line) = raw
            && parse(line).is_some_and(|parsed| parsed.intact && parsed.head.seq == seq)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The state of a check between two lines.
struct Chain<'k> {
    key: Option<&'k CheckpointKey>,
    recorded: Option<Head>,
    report: Report,
}

impl<'k> Chain<'k> {
    fn new(key: Option<&'k CheckpointKey>, recorded: Option<Head>) -> Self {
        let report =
            Report { signatures_checked: key.is_some(), head_checked: recorded.is_some(), ..Report::default() };
        Chain { key, recorded, report }
    }

    fn follow(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let line = self.report.lines + 1;
        let parsed = parse(bytes).ok_or_else(|| self.not_a_line())?;
        self.place(&parsed).map_err(|what| Broken { line, seq: Some(parsed.head.seq), what })?;
        self.report.lines = line;
        self.report.end = parsed.head;
        self.report.unsigned += 1;
        if let Kind::Checkpoint { .. } = parsed.kind {
            self.report.checkpoints += 1;
            self.report.unsigned = 0;
        }
        Ok(())
    }

    /// Whether everything that was recorded as durable has been followed.
    fn is_past_recorded(&self) -> bool {
        self.recorded.is_some_and(|recorded| self.report.end.seq >= recorded.seq)
    }

    /// The next line has no form.
    fn not_a_line(&self) -> Broken {
        Broken { line: self.report.lines + 1, seq: None, what: Defect::NotALine }
    }

    /// Whether the line is intact and belongs right here.
    fn place(&self, parsed: &Parsed) -> Result<(), Defect> {
        if !parsed.intact {
            return Err(Defect::Changed);
        }
        let before = self.report.end;
        let first = self.report.lines == 0;
        let begins_anew = first && matches!(parsed.kind, Kind::Break);
        let expected = before.seq.saturating_add(1);
        if parsed.head.seq < expected {
            return Err(Defect::Reordered { expected });
        }
        if parsed.head.seq > expected && !begins_anew {
            return Err(Defect::Dropped { expected });
        }
        if parsed.prev != before.hash {
            return Err(Defect::Unchained);
        }
        self.compare_with_recorded(parsed, first)?;
        self.check_signature(parsed, before)
    }

    fn compare_with_recorded(&self, parsed: &Parsed, first: bool) -> Result<(), Defect> {
        let Some(recorded) = self.recorded else {
            return Ok(());
        };
        let other = parsed.head.seq == recorded.seq && parsed.head.hash != recorded.hash;
        // A chain that begins behind the recorded line does not hold it.
        let behind = first && parsed.head.seq > recorded.seq && recorded.seq > 0;
        if other || behind {
            return Err(Defect::Rewritten);
        }
        Ok(())
    }

    fn check_signature(&self, parsed: &Parsed, before: Head) -> Result<(), Defect> {
        let Kind::Checkpoint { signature } = &parsed.kind else {
            return Ok(());
        };
        let signature = signature.as_ref().ok_or(Defect::BadSignature)?;
        match self.key {
            Some(key) if !key.verifies(&before, signature) => Err(Defect::BadSignature),
            _ => Ok(()),
        }
    }

    fn end(self) -> Result<Report, Broken> {
        let recorded = self.recorded.map_or(0, |head| head.seq);
        if self.report.end.seq < recorded {
            return Err(Broken { line: self.report.lines + 1, seq: None, what: Defect::CutOff { recorded } });
        }
        Ok(self.report)
    }
}
