//! The lines of a watch's body, one at a time.

use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Incoming};

use crate::transport::{Slot, chain};

/// Longest event: etcd takes requests of at most 1.5 MiB by default, and their JSON with
/// managedFields is a few times that at the very most.
const LINE_BYTES: usize = 16 << 20;

/// Splits a body at line ends; holds no more than the line that is not yet whole and the last
/// frame.
pub(crate) struct Lines {
    /// Keeps the connection's slot taken for as long as the body is read.
    _slot: Option<Slot>,
    body: Incoming,
    frame: Bytes,
    partial: Vec<u8>,
}

// === impl Lines ===

impl Lines {
    pub(crate) fn new(answer: Response<Incoming>) -> Self {
        let (mut head, body) = answer.into_parts();
        Self {
            _slot: head.extensions.remove(),
            body,
            frame: Bytes::new(),
            partial: Vec::new(),
        }
    }

    /// Gives the next line, or `None` at the end of the body; an error when the connection broke,
    /// within a line or between two. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            if let Some(line) = take_line(&mut self.frame, &mut self.partial)? {
                return Ok(Some(line));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.frame = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Err(format!("the connection broke: {}", chain(&error))),
                None if self.partial.is_empty() => return Ok(None),
                None => return Err("the connection ended within an event".to_owned()),
            }
        }
    }
}

/// Takes the next line out of a frame, together with what earlier frames held of it; without a line
/// end the frame's rest is kept for later.
fn take_line(frame: &mut Bytes, partial: &mut Vec<u8>) -> Result<Option<Vec<u8>>, String> {
    while !frame.is_empty() {
        let end = frame.iter().position(|byte| *byte == b'\n');
        let chunk = frame.split_to(end.map_or(frame.len(), |end| end + 1));
        if partial.len() + chunk.len() > LINE_BYTES {
            return Err(format!("an event is longer than {LINE_BYTES} bytes"));
        }
        partial.extend_from_slice(&chunk);
        if end.is_none() {
            break;
        }
        let line = std::mem::take(partial);
        if !line.trim_ascii().is_empty() {
            return Ok(Some(line));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(frames: &[&str]) -> Vec<String> {
        let (mut partial, mut found) = (Vec::new(), Vec::new());
        for text in frames {
            let mut frame = Bytes::from((*text).to_owned());
            while let Some(line) = take_line(&mut frame, &mut partial).expect("a short line") {
                found.push(String::from_utf8(line).expect("text").trim().to_owned());
            }
        }
        found
    }

    #[test]
    fn lines_are_found_wherever_the_frames_are_cut() {
        assert_eq!(
            lines(&["{1}\n{2}\n{3", "}", "\n\n", "{4}\n{5"]),
            ["{1}", "{2}", "{3}", "{4}"]
        );
    }

    #[test]
    fn a_line_without_end_is_given_up_at_the_bound() {
        let mut partial = vec![b'x'; LINE_BYTES];
        let mut frame = Bytes::from_static(b"y\n");
        assert!(take_line(&mut frame, &mut partial).is_err());
    }
}
