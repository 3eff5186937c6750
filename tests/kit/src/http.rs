//! HTTP/1.1 messages, as far as the Git server and the API client of the kit need them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use serde_json::Value;

/// More than any head a test sees.
const HEAD_BYTES: usize = 64 * 1024;

/// The first line and the header fields of a request or an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) start: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    /// The value of a field, its name in lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The word at `index` of the first line.
    pub(crate) fn word(&self, index: usize) -> &str {
        self.start.split(' ').nth(index).unwrap_or_default()
    }

    /// Whether the sender closes the connection after this message.
    pub(crate) fn closes(&self) -> bool {
        self.field("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Reads a head; `None` when the connection ended before its first byte.
pub(crate) fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut head = Head::default();
    let mut bytes = 0;
    loop {
        let mut line = String::new();
        bytes += reader
            .by_ref()
            .take(HEAD_BYTES as u64)
            .read_line(&mut line)?;
        if bytes == 0 {
            return Ok(None);
        }
        if bytes > HEAD_BYTES || !line.ends_with('\n') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the head does not end",
            ));
        }
        let line = line.trim_end();
        if head.start.is_empty() {
            line.clone_into(&mut head.start);
        } else if line.is_empty() {
            return Ok(Some(head));
        } else if let Some((name, value)) = line.split_once(':') {
            head.fields
                .push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

/// Reads the body that belongs to `head`; without a length, an answer's body ends with the connection
/// and a request has none.
pub(crate) fn read_body(reader: &mut impl BufRead, head: &Head) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if head
        .field("transfer-encoding")
        .is_some_and(|value| value.contains("chunked"))
    {
        while read_chunk(reader, &mut body)? {}
    } else if let Some(length) = head.field("content-length") {
        let length = length.parse::<u64>().map_err(io::Error::other)?;
        if reader.take(length).read_to_end(&mut body)? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    } else if head.start.starts_with("HTTP/") && !matches!(head.word(1), "204" | "304") {
        reader.read_to_end(&mut body)?;
    }
    Ok(body)
}

/// Adds one chunk to `body`; false after the last one.
pub(crate) fn read_chunk(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<bool> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let size = line.trim().split(';').next().unwrap_or_default();
    let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
    if reader.by_ref().take(size).read_to_end(body)? as u64 != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.clear();
    reader.read_line(&mut line)?;
    Ok(size > 0)
}

/// Writes a first line and header fields.
pub(crate) fn write_head(
    writer: &mut impl Write,
    start: &str,
    fields: &[(&str, &str)],
) -> io::Result<()> {
    let mut text = format!("{start}\r\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    writer.write_all(text.as_bytes())
}

/// Sends JSON to a server on loopback; gives the status and the JSON of its answer.
pub(crate) fn ask(port: u16, verb: &str, path: &str, body: &Value) -> io::Result<(String, Value)> {
    let body = body.to_string();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let length = body.len().to_string();
    let fields = [
        ("host", "127.0.0.1"),
        ("connection", "close"),
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
    ];
    write_head(&mut stream, &format!("{verb} {path} HTTP/1.1"), &fields)?;
    stream.write_all(body.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let head = read_head(&mut reader)?.unwrap_or_default();
    let body = read_body(&mut reader, &head)?;
    Ok((head.word(1).to_owned(), serde_json::from_slice(&body)?))
}
