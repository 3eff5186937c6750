//! The head of a request: what is asked for, and how much comes with it (RFC 9112).

use windlass_wire::limits::{TAKEN_BYTES, TAKEN_HEADERS};

/// A head that was read.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) path: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) length: Length,
    /// Whether it is waited for a word before the body is sent.
    pub(super) is_expecting: bool,
    /// Bytes of the head: the body begins behind them.
    pub(super) bytes: usize,
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Bytes(usize),
    Chunked,
}

/// Bad Request.
pub(super) const BAD: u16 = 400;
/// Content Too Large.
pub(super) const TOO_LARGE: u16 = 413;
/// Request Header Fields Too Large.
pub(super) const HEAD_TOO_LARGE: u16 = 431;

/// Whether a head ends in what was read, of which this much was looked at before.
pub(super) fn is_whole(read: &[u8], before: usize) -> bool {
    // The end may have begun in what was there before.
    let new = read.get(before.saturating_sub(3)..).unwrap_or_default();
    new.windows(2).any(|pair| pair == b"\n\n") || new.windows(3).any(|three| three == b"\n\r\n")
}

/// Reads a head that is whole. `Err` is the status it is refused with.
pub(super) fn parse(read: &[u8]) -> Result<Head, u16> {
    let mut space = [httparse::EMPTY_HEADER; TAKEN_HEADERS];
    let mut request = httparse::Request::new(&mut space);
    let bytes = match request.parse(read) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Err(httparse::Error::TooManyHeaders) => return Err(HEAD_TOO_LARGE),
        Ok(httparse::Status::Partial) | Err(_) => return Err(BAD),
    };
    let (Some(method), Some(path)) = (request.method, request.path) else {
        return Err(BAD);
    };
    let headers: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()))
        .collect();
    let mut expected = values(&headers, "expect");
    let is_expecting = expected.any(|value| value.eq_ignore_ascii_case(b"100-continue"));
    drop(expected);
    Ok(Head {
        method: method.to_owned(),
        path: path.to_owned(),
        length: length(&headers)?,
        is_expecting,
        headers,
        bytes,
    })
}

fn values<'a>(
    headers: &'a [(String, Vec<u8>)],
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> + 'a {
    let named = headers.iter().filter(move |(other, _)| other == name);
    named.map(|(_, value)| value.trim_ascii())
}

/// Two ways to tell the length, or two lengths, are how one request is passed off as two: refused.
fn length(headers: &[(String, Vec<u8>)]) -> Result<Length, u16> {
    let mut encodings = values(headers, "transfer-encoding");
    let mut lengths = values(headers, "content-length");
    match (encodings.next(), lengths.next()) {
        (None, None) => Ok(Length::Bytes(0)),
        (Some(encoding), None) => {
            let is_plain = encoding.eq_ignore_ascii_case(b"chunked") && encodings.next().is_none();
            is_plain.then_some(Length::Chunked).ok_or(BAD)
        }
        (None, Some(length)) => {
            let is_number = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            if !is_number || lengths.any(|other| other != length) {
                return Err(BAD);
            }
            let text = std::str::from_utf8(length).map_err(|_| BAD)?;
            let length = text.parse::<usize>().map_err(|_| TOO_LARGE)?;
            if length > TAKEN_BYTES {
                return Err(TOO_LARGE);
            }
            Ok(Length::Bytes(length))
        }
        (Some(_), Some(_)) => Err(BAD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &str) -> Result<Head, u16> {
        let text = format!("POST /hook/a HTTP/1.1\r\n{lines}\r\nbody");
        assert!(is_whole(text.as_bytes(), 0));
        parse(text.as_bytes())
    }

    #[test]
    fn what_is_asked_for_and_how_much_comes_is_read() {
        let head = head("Host: a\r\nX-GitHub-Event: push\r\nContent-Length: 4\r\n").unwrap();
        assert_eq!(
            (head.method.as_str(), head.path.as_str()),
            ("POST", "/hook/a")
        );
        assert_eq!(head.length, Length::Bytes(4));
        let event = ("x-github-event".to_owned(), b"push".to_vec());
        assert!(head.headers.contains(&event));
        assert!(!head.is_expecting);
    }

    #[test]
    fn a_length_that_can_be_read_in_two_ways_is_refused() {
        let length = |lines: &str| head(lines).map(|head| head.length);
        assert_eq!(
            length("Transfer-Encoding: Chunked\r\n"),
            Ok(Length::Chunked)
        );
        assert_eq!(
            length("Content-Length: 1\r\nContent-Length: 1\r\n"),
            Ok(Length::Bytes(1))
        );
        for lines in [
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 1, 1\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert_eq!(length(lines), Err(BAD), "{lines}");
        }
        assert_eq!(length("Content-Length: 3145729\r\n"), Err(TOO_LARGE));
        assert_eq!(
            length("Content-Length: 99999999999999999999999\r\n"),
            Err(TOO_LARGE)
        );
        let many = "X: y\r\n".repeat(TAKEN_HEADERS + 1);
        assert_eq!(length(&many), Err(HEAD_TOO_LARGE));
    }

    #[test]
    fn the_end_of_a_head_is_seen_wherever_it_is_cut() {
        let text = b"GET / HTTP/1.1\r\nA: b\r\n\r\n";
        for cut in 0..text.len() {
            assert!(!is_whole(&text[..cut], 0), "{cut}");
            assert!(is_whole(text, cut), "{cut}");
        }
    }
}
