//! Packet lines (gitprotocol-common(5)) as they come from a server.

use std::io::{self, BufRead, Read};

use gix_packetline::blocking_io::StreamingPeekableIter;
use gix_packetline::{BandRef, PacketLineRef};

use crate::failure::{Failure, server_text};

/// Reads one packet line after another. A line's length is bounded by the format: 65516 bytes.
pub(crate) struct Lines<R>(StreamingPeekableIter<R>);

impl<R: Read> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self(StreamingPeekableIter::new(reader, &[], false))
    }

    /// The next line. An `ERR` line becomes the failure it reports; so does the end of the stream.
    pub(crate) fn next(&mut self) -> Result<PacketLineRef<'_>, Failure> {
        match self.0.read_line() {
            None => Err(ends_early()),
            Some(Err(error)) => Err(read_failure(error)),
            Some(Ok(Err(_))) => Err(not_packet_lines()),
            Some(Ok(Ok(line))) => match line.check_error() {
                Some(error) => Err(server_error(error.0)),
                None => Ok(line),
            },
        }
    }

    /// True when the text of the next line, which stays there, passes the test.
    pub(crate) fn next_is(&mut self, test: impl Fn(&[u8]) -> bool) -> Result<bool, Failure> {
        match self.0.peek_line() {
            None => Err(ends_early()),
            Some(Err(error)) => Err(read_failure(error)),
            Some(Ok(Err(_))) => Err(not_packet_lines()),
            Some(Ok(Ok(line))) => Ok(line.as_text().is_some_and(|text| test(text.as_slice()))),
        }
    }

    /// The text of the next line without its newline; `None` at a flush, delimiter or response end.
    pub(crate) fn next_text(&mut self) -> Result<Option<&[u8]>, Failure> {
        Ok(self.next()?.as_text().map(|text| text.as_slice()))
    }

    pub(crate) fn into_inner(self) -> R {
        self.0.into_inner()
    }
}

fn read_failure(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        ends_early()
    } else {
        Failure::from_io(error, "reading the server's answer")
    }
}

fn ends_early() -> Failure {
    Failure::protocol("the server's answer ends too early; check that the URL is a Git repository")
}

fn not_packet_lines() -> Failure {
    Failure::protocol("the server's answer is not Git's protocol; check the URL")
}

/// What a server says when it refuses, in words it chose.
fn server_error(text: &[u8]) -> Failure {
    Failure::protocol(format!("the server refused: {}", server_text(text)))
}

/// The data band of a side-band stream (gitprotocol-pack(5), "Packfile Data") as a plain reader.
pub(crate) struct DataBand<R> {
    lines: Lines<R>,
    buffer: Vec<u8>,
    position: usize,
    is_over: bool,
}

impl<R: Read> DataBand<R> {
    pub(crate) fn new(lines: Lines<R>) -> Self {
        Self {
            lines,
            buffer: Vec::new(),
            position: 0,
            is_over: false,
        }
    }

    fn refill(&mut self) -> Result<(), Failure> {
        self.buffer.clear();
        self.position = 0;
        while self.buffer.is_empty() && !self.is_over {
            let line = self.lines.next()?;
            if line.as_slice().is_none() {
                self.is_over = true;
                return Ok(());
            }
            match line.decode_band() {
                Ok(BandRef::Data(data)) => self.buffer.extend_from_slice(data),
                Ok(BandRef::Progress(_)) => {}
                Ok(BandRef::Error(text)) => return Err(server_error(text)),
                Err(_) => return Err(Failure::protocol("the server sent an unknown side band")),
            }
        }
        Ok(())
    }
}

impl<R: Read> BufRead for DataBand<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position >= self.buffer.len() {
            self.refill().map_err(Failure::into_io)?;
        }
        Ok(self.buffer.get(self.position..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.position = self.buffer.len().min(self.position + amount);
    }
}

impl<R: Read> Read for DataBand<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let read = available.read(into)?;
        self.consume(read);
        Ok(read)
    }
}
